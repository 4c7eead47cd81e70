-- The known answer that a contest is about, for both sides and staff: whoever contests it has been
-- told it already, and goes on reading it when it is demoted.
CREATE FUNCTION cases_contested_gold(a_case uuid)
RETURNS TABLE (answer jsonb, explanation text, demoted_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT g.answer, g.explanation, g.demoted_at
  FROM cases_case c JOIN work_assignment a ON a.id = c.assignment_id
    JOIN projects_goldanswer g ON g.item_id = a.item_id
  WHERE c.id = a_case AND c.kind = 'gold_contest'
    AND (c.contributor_id = app_user_id() OR c.org_id = ANY (app_org_ids()) OR app_is_staff())
$$;

-- Only the contributor opens one, about own work.
CREATE POLICY case_gold_contest_by_contributor ON cases_case AS RESTRICTIVE FOR INSERT
  WITH CHECK (kind <> 'gold_contest' OR opened_by_id = (SELECT app_user_id()));

-- Whoever wrote the known answer does not decide whether it stands.
CREATE FUNCTION cases_gold_decider() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.state = 'upheld' AND EXISTS (
      SELECT 1 FROM work_assignment a JOIN projects_goldanswer g ON g.item_id = a.item_id
      WHERE a.id = NEW.assignment_id AND g.authored_by_id = NEW.decided_by_id) THEN
    RAISE EXCEPTION 'the author of a known answer does not decide that it stands'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER case_gold_decider BEFORE UPDATE OF state ON cases_case FOR EACH ROW
  WHEN (NEW.kind = 'gold_contest' AND NEW.decided_by_id IS NOT NULL)
  EXECUTE FUNCTION cases_gold_decider();

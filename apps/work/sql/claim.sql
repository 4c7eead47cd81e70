-- What a claim has to know before it takes an item, in one look: the enrolment (locked), the
-- project's state and terms, and whether something is in hand already. An open claim that is there
-- before the lock is returned without it: its own row is locked first then, as sweeps do.
-- Looked for again under the lock: whoever asked at the same moment has the item now.
CREATE FUNCTION work_claim_scene(a_project uuid, a_contributor uuid)
RETURNS TABLE (open_claim uuid, org_id uuid, project_state text, visibility text, criteria_id uuid,
  enrolment_id uuid, enrolment_state text, tier text, attempts integer, cursor_key bigint,
  instruction_seconds integer, gold_count integer, is_deactivated boolean,
  has_seats boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  e work_enrolment%ROWTYPE;
  found uuid;
BEGIN
  IF a_contributor IS DISTINCT FROM app_user_id() AND app_kind() <> 'system' THEN
    RAISE EXCEPTION 'claims are made by the contributor' USING ERRCODE = 'insufficient_privilege';
  END IF;
  FOR look IN 1..2 LOOP
    SELECT a.id INTO found FROM work_assignment a
      WHERE a.contributor_id = a_contributor AND a.project_id = a_project AND a.state = 'claimed';
    EXIT WHEN look = 2 OR found IS NOT NULL;
    SELECT * INTO e FROM work_enrolment w
      WHERE w.contributor_id = a_contributor AND w.project_id = a_project FOR UPDATE;
  END LOOP;
  RETURN QUERY SELECT found, p.org_id, p.state::text, p.visibility::text, p.criteria_id,
      e.id, e.state::text, e.tier::text, e.attempts, e.cursor, e.instruction_seconds, e.gold_count,
      EXISTS (SELECT 1 FROM accounts_contributorprofile c
              WHERE c.user_id = a_contributor AND c.deactivated_at IS NOT NULL),
      p.seats IS NOT NULL
    FROM projects_project p WHERE p.id = a_project AND (found IS NOT NULL OR e.id IS NOT NULL);
END $$;

-- As before; but of a qualification whoever contests it does not read the known answer while it is in
-- use: the next attempt, and others, are given the same items.
CREATE OR REPLACE FUNCTION cases_contested_gold(a_case uuid)
RETURNS TABLE (answer jsonb, explanation text, demoted_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN a.kind <> 'qualification' OR g.demoted_at IS NOT NULL
      OR c.org_id = ANY (app_org_ids()) OR app_is_staff() THEN g.answer END,
    g.explanation, g.demoted_at
  FROM cases_case c JOIN work_assignment a ON a.id = c.assignment_id
    JOIN projects_goldanswer g ON g.item_id = a.item_id
  WHERE c.id = a_case AND c.kind = 'gold_contest'
    AND (c.contributor_id = app_user_id() OR c.org_id = ANY (app_org_ids()) OR app_is_staff())
$$;

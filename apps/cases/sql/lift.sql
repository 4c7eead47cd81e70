-- Open contests of lift whose run was not asked for yet: the contest is the person's, the run is the
-- buyer's row, so the marketplace asks for it.
CREATE FUNCTION cases_lift_to_repeat() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT c.id, c.org_id FROM cases_case c
  WHERE c.state = 'open' AND c.kind = 'lift_contest' AND NOT EXISTS (
    SELECT 1 FROM work_liftround r WHERE r.project_id = c.project_id AND r.reason = 'contest'
      AND r.asked_at >= c.opened_at)
$$;

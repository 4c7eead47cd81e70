-- Attempts at the qualification of each tier: begun by anybody, and over. An attempt belongs to the
-- tier under which it began, so that the seats of one tier are not used up by another: its
-- assignments say so, and before the first of them the enrolment does.
CREATE FUNCTION work_seats(a_project uuid)
RETURNS TABLE (tier text, taken bigint, finished bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH attempts AS (
    SELECT a.tier, a.contributor_id, a.attempt FROM work_assignment a
      WHERE a.project_id = a_project AND a.kind = 'qualification'
    UNION
    SELECT e.tier, e.contributor_id, e.attempts FROM work_enrolment e
      WHERE e.project_id = a_project AND e.state = 'qualifying' AND e.attempts > 0
  )
  SELECT t.tier, count(*), count(*) FILTER (
      WHERE e.state <> 'qualifying' OR e.attempts > t.attempt)
  FROM attempts t JOIN work_enrolment e
    ON e.project_id = a_project AND e.contributor_id = t.contributor_id
  GROUP BY t.tier
$$;
DROP FUNCTION work_seats_taken(uuid);

-- The budget: everything ever put into the project, for work and for qualification seats.
CREATE OR REPLACE FUNCTION work_budget(a_project uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(sum(a.credits_posted), 0)::bigint FROM ledger_account a
  WHERE a.purpose IN ('held', 'seats') AND a.scope_id = a_project
$$;

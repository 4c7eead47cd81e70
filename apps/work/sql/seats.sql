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

ALTER TABLE work_seatcount ENABLE ROW LEVEL SECURITY;
CREATE POLICY seat_count_tenant ON work_seatcount
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

-- Takes a seat for an attempt that begins, if one of `funded` is left. Counted in one row, so that
-- two people cannot take the last one, and the thousandth waits no longer than the first.
CREATE FUNCTION work_take_seat(a_project uuid, a_tier text, funded bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM work_seatcount c WHERE c.project_id = a_project AND c.tier = a_tier)
  THEN
    INSERT INTO work_seatcount (id, org_id, project_id, tier, taken)
      SELECT gen_random_uuid(), p.org_id, p.id, a_tier, 0 FROM projects_project p
      WHERE p.id = a_project
      ON CONFLICT (project_id, tier) DO NOTHING;
  END IF;
  UPDATE work_seatcount c SET taken = c.taken + 1
    WHERE c.project_id = a_project AND c.tier = a_tier AND c.taken < funded;
  RETURN FOUND;
END $$;

-- The budget: everything ever put into the project, for work and for qualification seats.
CREATE OR REPLACE FUNCTION work_budget(a_project uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(sum(a.credits_posted), 0)::bigint FROM ledger_account a
  WHERE a.purpose IN ('held', 'seats') AND a.scope_id = a_project
$$;

-- Attempts that began before seats were counted.
INSERT INTO work_seatcount (id, org_id, project_id, tier, taken)
  SELECT gen_random_uuid(), p.org_id, p.id, s.tier, s.taken
  FROM projects_project p CROSS JOIN LATERAL work_seats(p.id) s;

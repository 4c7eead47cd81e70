ALTER TABLE scoring_scoringrun ENABLE ROW LEVEL SECURITY;
CREATE POLICY run_tenant ON scoring_scoringrun
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

CREATE FUNCTION scoring_due(stale_before timestamptz) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.id, r.org_id FROM scoring_scoringrun r
  WHERE r.state = 'queued' OR (r.state = 'running' AND r.claimed_at < stale_before)
$$;

CREATE FUNCTION scoring_unhandled() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.id, r.org_id FROM scoring_scoringrun r
  WHERE r.state = 'done' AND r.handled_at IS NULL ORDER BY r.created_at
$$;

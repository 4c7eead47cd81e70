-- Lift runs and their chunks are the buyer's rows; staff reads them.
ALTER TABLE scoring_liftrun ENABLE ROW LEVEL SECURITY;
CREATE POLICY lift_run_tenant ON scoring_liftrun
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
ALTER TABLE scoring_liftchunk ENABLE ROW LEVEL SECURITY;
CREATE POLICY lift_chunk_tenant ON scoring_liftchunk
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

-- Runs that no worker is at: their bell was lost, or whoever had them is silent.
CREATE FUNCTION scoring_lift_due(stale_before timestamptz) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.id, r.org_id FROM scoring_liftrun r
  WHERE r.state = 'queued' OR (r.state = 'running' AND r.claimed_at < stale_before)
$$;

CREATE FUNCTION scoring_lift_unhandled() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.id, r.org_id FROM scoring_liftrun r
  WHERE r.state IN ('done', 'failed') AND r.handled_at IS NULL ORDER BY r.created_at
$$;

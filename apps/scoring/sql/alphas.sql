-- A published alpha beside the package's: rows of the organization; staff reads them.
ALTER TABLE scoring_alphacheck ENABLE ROW LEVEL SECURITY;
CREATE POLICY alphacheck_tenant ON scoring_alphacheck
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

-- The run of each project whose alpha a page shows.
CREATE FUNCTION scoring_alphas() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT last.id, last.org_id FROM (
    SELECT DISTINCT ON (r.project_id) r.id, r.org_id, r.result FROM scoring_scoringrun r
    WHERE r.state = 'done' ORDER BY r.project_id, r.created_at DESC) last
  WHERE last.result->'agreement'->>'alpha' IS NOT NULL
$$;

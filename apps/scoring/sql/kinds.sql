-- As before, of the runs of quality alone: a run of another kind has no alpha, and hides none.
CREATE OR REPLACE FUNCTION scoring_alphas() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT last.id, last.org_id FROM (
    SELECT DISTINCT ON (r.project_id) r.id, r.org_id, r.result FROM scoring_scoringrun r
    WHERE r.state = 'done' AND r.kind = 'quality' ORDER BY r.project_id, r.created_at DESC) last
  WHERE last.result->'agreement'->>'alpha' IS NOT NULL
$$;

-- Runs whose errors nobody has looked into: the last one taken of each project, some time after
-- its close included.
CREATE FUNCTION work_unanalysed_runs(since timestamptz) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT last.id, last.org_id FROM projects_project p
    CROSS JOIN LATERAL (SELECT r.id, r.org_id FROM scoring_scoringrun r
      WHERE r.project_id = p.id AND r.kind = 'quality' AND r.state = 'done'
        AND r.handled_at IS NOT NULL
      ORDER BY r.created_at DESC LIMIT 1) last
  WHERE (p.state IN ('live', 'paused', 'closing') OR p.closed_at > since)
    AND NOT EXISTS (SELECT 1 FROM scoring_errorrun e WHERE e.run_id = last.id)
$$;

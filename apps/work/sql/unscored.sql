-- Projects that want a scoring run: an answer is unscored, or one went out or came back by a verdict
-- since the last run, so that labels do not rest on answers that no longer count.
CREATE OR REPLACE FUNCTION work_unscored_projects(at timestamptz)
RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.project_id, s.org_id FROM work_submission s
  WHERE s.scored_at IS NULL AND s.undone_at IS NULL AND s.undo_until <= at
  UNION
  SELECT p.id, p.org_id FROM projects_project p
    CROSS JOIN LATERAL (SELECT r.created_at FROM scoring_scoringrun r WHERE r.project_id = p.id
      ORDER BY r.created_at DESC LIMIT 1) last
  WHERE p.state IN ('live', 'paused', 'closing')
    AND EXISTS (SELECT 1 FROM work_verdict v WHERE v.project_id = p.id
      AND v.decided_at > last.created_at AND v.outcome IN ('rejected', 'overturned'))
$$;

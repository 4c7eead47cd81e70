-- Scores since the last full run. Rows of the organization; a contributor sees the own score.
ALTER TABLE work_onlinestate ENABLE ROW LEVEL SECURITY;
CREATE POLICY online_state_tenant ON work_onlinestate
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

ALTER TABLE work_onlineanswer ENABLE ROW LEVEL SECURITY;
CREATE POLICY online_answer_tenant ON work_onlineanswer
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

ALTER TABLE work_onlinescore ENABLE ROW LEVEL SECURITY;
CREATE POLICY online_score_sides ON work_onlinescore USING (
  org_id = ANY ((SELECT app_org_ids())::uuid[]) OR contributor_id = (SELECT app_user_id())
  OR (SELECT app_is_staff()));

-- Projects whose state is of an older run than the last one taken, or lacks an answer whose undo is
-- over. Before its first run a project has no state.
CREATE FUNCTION work_online_due(at timestamptz) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.id, p.org_id FROM projects_project p
    CROSS JOIN LATERAL (SELECT r.id FROM scoring_scoringrun r
      WHERE r.project_id = p.id AND r.kind = 'quality' AND r.state = 'done'
        AND r.handled_at IS NOT NULL
      ORDER BY r.created_at DESC LIMIT 1) last
    LEFT JOIN work_onlinestate o ON o.project_id = p.id
  WHERE p.state IN ('live', 'paused', 'closing')
    AND (o.run_id IS DISTINCT FROM last.id
      OR o.reason = '' AND EXISTS (SELECT 1 FROM work_submission s
        WHERE s.project_id = p.id AND s.scored_at IS NULL AND s.undone_at IS NULL
          AND s.kind = 'work' AND s.undo_until <= at
          AND NOT EXISTS (SELECT 1 FROM work_onlineanswer a WHERE a.submission_id = s.id)))
$$;

-- Projects that want a scoring run: an answer is unscored, one went out or came back by a verdict
-- since the last run, answers of machines came or went, or a known answer was demoted.
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
    AND (EXISTS (SELECT 1 FROM work_verdict v WHERE v.project_id = p.id
        AND v.decided_at > last.created_at AND v.outcome IN ('rejected', 'overturned'))
      OR EXISTS (SELECT 1 FROM projects_itemimport l WHERE l.project_id = p.id
        AND l.annotators <> '' AND (l.withdrawn_at > last.created_at
          OR l.state = 'done' AND l.finished_at > last.created_at)))
  UNION
  SELECT g.project_id, g.org_id FROM projects_goldanswer g
    CROSS JOIN LATERAL (SELECT r.created_at FROM scoring_scoringrun r
      WHERE r.project_id = g.project_id ORDER BY r.created_at DESC LIMIT 1) last
  WHERE g.demoted_at > last.created_at
$$;

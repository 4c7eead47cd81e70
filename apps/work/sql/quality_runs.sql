-- As before, of the runs of quality alone: a run of another kind has no labels to plan by.
CREATE OR REPLACE FUNCTION work_unplanned_runs() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT last.id, last.org_id FROM projects_project p
    JOIN projects_criteriaversion c ON c.id = p.criteria_id
    CROSS JOIN LATERAL (SELECT r.id, r.org_id, r.handled_at FROM scoring_scoringrun r
      WHERE r.project_id = p.id AND r.kind = 'quality' AND r.state = 'done'
      ORDER BY r.created_at DESC LIMIT 1) last
  WHERE p.state IN ('live', 'paused') AND last.handled_at IS NOT NULL
    AND (c.body ->> 'overlap_max')::integer > (c.body ->> 'overlap')::integer
    AND NOT EXISTS (SELECT 1 FROM work_overlapplan o WHERE o.run_id = last.id)
$$;

-- As before, and since the last run of quality: one of another kind has read no news.
CREATE OR REPLACE FUNCTION work_unscored_projects(at timestamptz)
RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.project_id, s.org_id FROM work_submission s
  WHERE s.scored_at IS NULL AND s.undone_at IS NULL AND s.undo_until <= at
  UNION
  SELECT p.id, p.org_id FROM projects_project p
    CROSS JOIN LATERAL (SELECT r.created_at FROM scoring_scoringrun r WHERE r.project_id = p.id
      AND r.kind = 'quality' ORDER BY r.created_at DESC LIMIT 1) last
  WHERE p.state IN ('live', 'paused', 'closing')
    AND (EXISTS (SELECT 1 FROM work_verdict v JOIN work_assignment a ON a.id = v.assignment_id
        WHERE v.project_id = p.id AND a.kind <> 'repeat'
          AND v.decided_at > last.created_at AND v.outcome IN ('rejected', 'overturned'))
      OR EXISTS (SELECT 1 FROM projects_itemimport l WHERE l.project_id = p.id
        AND l.annotators <> '' AND (l.withdrawn_at > last.created_at
          OR l.state = 'done' AND l.finished_at > last.created_at)))
  UNION
  SELECT g.project_id, g.org_id FROM projects_goldanswer g
    CROSS JOIN LATERAL (SELECT r.created_at FROM scoring_scoringrun r
      WHERE r.project_id = g.project_id AND r.kind = 'quality'
      ORDER BY r.created_at DESC LIMIT 1) last
  WHERE g.demoted_at > last.created_at
$$;

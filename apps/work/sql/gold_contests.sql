-- Whether a missed known answer is told to whoever missed it: after the review, and not so soon
-- that one more in the weekly count would tell which item of this week was known. A rejection tells
-- it at once, since its appeal window runs; so does a project that asks for nothing more.
CREATE FUNCTION work_gold_is_told(a_state text, ended timestamptz, project_state text,
  at timestamptz)
RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
  SELECT a_state IN ('rejected', 'final', 'overturned')
    OR a_state = 'accepted' AND (project_state IN ('closing', 'closed')
      OR ended < date_trunc('week', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')
$$;

-- Known answers in use that the acting contributor has missed and may be told of; of one project,
-- or of all. The table of known answers itself has no policy for contributors.
CREATE FUNCTION work_gold_missed(a_project uuid, at timestamptz)
RETURNS TABLE (assignment_id uuid, answer jsonb, explanation text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.id, g.answer, g.explanation
  FROM work_submission s
    JOIN work_assignment a ON a.id = s.assignment_id
    JOIN projects_goldanswer g ON g.item_id = a.item_id
    JOIN projects_project p ON p.id = a.project_id
  WHERE s.contributor_id = app_user_id() AND (a_project IS NULL OR s.project_id = a_project)
    AND (s.scores -> 'gold') = 'false'::jsonb AND s.undone_at IS NULL AND s.round = a.rounds
    AND a.kind = 'work' AND g.demoted_at IS NULL
    AND work_gold_is_told(a.state, a.ended_at, p.state, at)
$$;

-- A contest begins: the known answer is marked until silence would decide it, and its row is locked.
-- Of nobody's but one's own work, and of nothing that was not told: then no row comes back.
CREATE FUNCTION work_contest_gold(an_assignment uuid, at timestamptz, until timestamptz)
RETURNS TABLE (item_id bigint, answer jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE projects_goldanswer g SET contested_until = greatest(g.contested_until, until)
  FROM work_assignment a
  WHERE a.id = an_assignment AND g.item_id = a.item_id AND a.contributor_id = app_user_id()
    AND EXISTS (SELECT 1 FROM work_gold_missed(a.project_id, at) m WHERE m.assignment_id = a.id)
  RETURNING g.item_id, g.answer
$$;

-- Projects that want a scoring run: an answer is unscored, or since the last run one went out or
-- came back by a verdict, or a known answer was demoted.
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
  UNION
  SELECT g.project_id, g.org_id FROM projects_goldanswer g
    CROSS JOIN LATERAL (SELECT r.created_at FROM scoring_scoringrun r
      WHERE r.project_id = g.project_id ORDER BY r.created_at DESC LIMIT 1) last
  WHERE g.demoted_at > last.created_at
$$;

-- As before, without items whose known answer was taken back: there is nothing to mark them by.
CREATE OR REPLACE FUNCTION work_take_qualification_item(a_project uuid, a_contributor uuid,
  an_attempt integer)
RETURNS SETOF projects_item
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF a_contributor IS DISTINCT FROM app_user_id() AND app_kind() <> 'system' THEN
    RAISE EXCEPTION 'claims are made by the contributor' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN QUERY SELECT i.* FROM projects_item i JOIN projects_goldanswer g ON g.item_id = i.id
    WHERE i.project_id = a_project AND i.purpose = 'qualification' AND i.state = 'active'
      AND g.demoted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM work_assignment a
        WHERE a.item_id = i.id AND a.contributor_id = a_contributor
          AND a.attempt = an_attempt AND a.state NOT IN ('given_back', 'expired'))
    ORDER BY hashtextextended(a_contributor::text, i.sort_key) LIMIT 1;
END $$;

-- As before, and whether the known answer was taken back while the item was in hand.
DROP FUNCTION work_mark(uuid);
CREATE FUNCTION work_mark(an_assignment uuid)
RETURNS TABLE (correct boolean, explanation text, is_demoted boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.answer_key = g.answer_key, g.explanation, g.demoted_at IS NOT NULL
  FROM work_submission s JOIN work_assignment a ON a.id = s.assignment_id
    JOIN projects_goldanswer g ON g.item_id = s.item_id
  WHERE a.id = an_assignment AND a.kind = 'qualification' AND s.undone_at IS NULL
    AND (a.contributor_id = app_user_id() OR a.org_id = ANY (app_org_ids()))
$$;

-- Attempts at qualifications of a project, of one contributor or of all: answers that are marked,
-- those of them that are right, misses of known answers that were taken back since, what is in hand,
-- and how many items could still be given. The criteria are those of the last item.
CREATE FUNCTION work_attempts(a_project uuid, a_contributor uuid DEFAULT NULL)
RETURNS TABLE (contributor_id uuid, attempt integer, tier text, criteria_id uuid, done integer,
  correct integer, left_out integer, in_hand integer, ahead integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH attempts AS (
    SELECT a.contributor_id, a.attempt, min(a.tier) AS tier,
      (array_agg(a.criteria_id ORDER BY a.claimed_at DESC, a.id DESC))[1] AS criteria_id,
      count(*) FILTER (WHERE a.state = 'accepted') AS done,
      count(*) FILTER (WHERE a.state = 'accepted' AND s.scores -> 'gold' = 'true'::jsonb)
        AS correct,
      count(*) FILTER (WHERE a.state = 'accepted' AND s.scores -> 'gold' = 'false'::jsonb
        AND g.demoted_at IS NOT NULL) AS left_out,
      count(*) FILTER (WHERE a.state = 'claimed') AS in_hand
    FROM work_assignment a
      LEFT JOIN work_submission s ON s.assignment_id = a.id AND s.undone_at IS NULL
      LEFT JOIN projects_goldanswer g ON g.item_id = a.item_id
    WHERE a.project_id = a_project AND a.kind = 'qualification'
      AND (a_contributor IS NULL OR a.contributor_id = a_contributor)
      AND (a.contributor_id = app_user_id() OR a.org_id = ANY (app_org_ids()) OR app_is_staff())
    GROUP BY a.contributor_id, a.attempt
  )
  SELECT t.contributor_id, t.attempt, t.tier, t.criteria_id, t.done::integer, t.correct::integer,
    t.left_out::integer, t.in_hand::integer,
    (SELECT count(*) FROM projects_item i JOIN projects_goldanswer g ON g.item_id = i.id
      WHERE i.project_id = a_project AND i.purpose = 'qualification' AND i.state = 'active'
        AND g.demoted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM work_assignment a
          WHERE a.item_id = i.id AND a.contributor_id = t.contributor_id
            AND a.attempt = t.attempt AND a.state NOT IN ('given_back', 'expired')))::integer
  FROM attempts t ORDER BY t.contributor_id, t.attempt
$$;

-- Items of an attempt that is over, marked as not right, whose known answer is in use. The answer
-- itself is not told: the next attempt, and others, are given the same items.
CREATE FUNCTION work_qualification_missed(a_project uuid)
RETURNS TABLE (assignment_id uuid, explanation text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.id, g.explanation
  FROM work_assignment a
    JOIN work_submission s ON s.assignment_id = a.id AND s.undone_at IS NULL
    JOIN work_enrolment e ON e.project_id = a.project_id AND e.contributor_id = a.contributor_id
    JOIN projects_goldanswer g ON g.item_id = a.item_id
  WHERE a.contributor_id = app_user_id() AND a.project_id = a_project
    AND a.kind = 'qualification' AND a.state = 'accepted'
    AND s.scores -> 'gold' = 'false'::jsonb AND g.demoted_at IS NULL
    AND (e.state <> 'qualifying' OR e.attempts > a.attempt)
$$;

-- As before, and of a qualification whose result its author sees.
CREATE OR REPLACE FUNCTION work_contest_gold(an_assignment uuid, at timestamptz, until timestamptz)
RETURNS TABLE (item_id bigint, answer jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE projects_goldanswer g SET contested_until = greatest(g.contested_until, until)
  FROM work_assignment a
  WHERE a.id = an_assignment AND g.item_id = a.item_id AND a.contributor_id = app_user_id()
    AND (EXISTS (SELECT 1 FROM work_gold_missed(a.project_id, at) m WHERE m.assignment_id = a.id)
      OR EXISTS (SELECT 1 FROM work_qualification_missed(a.project_id) m
        WHERE m.assignment_id = a.id))
  RETURNING g.item_id, g.answer
$$;

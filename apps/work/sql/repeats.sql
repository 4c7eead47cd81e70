-- Repeats: an item of somebody's own earlier work, given to them once more, paid as work and counted
-- for nothing but how far they agree with themselves.
ALTER TABLE work_repeatscore ENABLE ROW LEVEL SECURITY;
CREATE POLICY repeat_score_sides ON work_repeatscore USING (
  org_id = ANY ((SELECT app_org_ids())::uuid[]) OR contributor_id = (SELECT app_user_id())
  OR (SELECT app_is_staff()));

-- Each enrolment from before draws a seed of its own.
UPDATE work_enrolment SET repeat_seed =
  ('x' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12))::bit(48)::bigint;

-- As before, with what says whether this claim is to be a repeat.
DROP FUNCTION work_claim_scene(uuid, uuid);
CREATE FUNCTION work_claim_scene(a_project uuid, a_contributor uuid)
RETURNS TABLE (open_claim uuid, org_id uuid, project_state text, visibility text, criteria_id uuid,
  enrolment_id uuid, enrolment_state text, tier text, attempts integer, cursor_key bigint,
  instruction_seconds integer, gold_count integer, is_deactivated boolean,
  has_seats boolean, gold_unsure double precision, claims integer, repeat_seed bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  e work_enrolment%ROWTYPE;
  found uuid;
BEGIN
  IF a_contributor IS DISTINCT FROM app_user_id() AND app_kind() <> 'system' THEN
    RAISE EXCEPTION 'claims are made by the contributor' USING ERRCODE = 'insufficient_privilege';
  END IF;
  FOR look IN 1..2 LOOP
    SELECT a.id INTO found FROM work_assignment a
      WHERE a.contributor_id = a_contributor AND a.project_id = a_project AND a.state = 'claimed';
    EXIT WHEN look = 2 OR found IS NOT NULL;
    SELECT * INTO e FROM work_enrolment w
      WHERE w.contributor_id = a_contributor AND w.project_id = a_project FOR NO KEY UPDATE;
  END LOOP;
  RETURN QUERY SELECT found, p.org_id, p.state::text, p.visibility::text, p.criteria_id,
      e.id, e.state::text, e.tier::text, e.attempts, e.cursor, e.instruction_seconds, e.gold_count,
      EXISTS (SELECT 1 FROM accounts_contributorprofile c
              WHERE c.user_id = a_contributor AND c.deactivated_at IS NOT NULL),
      p.seats IS NOT NULL, e.gold_unsure, e.claims, e.repeat_seed
    FROM projects_project p WHERE p.id = a_project AND (found IS NOT NULL OR e.id IS NOT NULL);
END $$;

-- The item of an own answer that can come again, or none. The answer was accepted at once, under the
-- criteria in force, and no case was ever about it, so nothing can happen to it any more; `apart`
-- other own answers were handed in since; its item has no known answer, taken back or not, and was
-- not given again before. The free funds cover the `most` that the repeat can cost, and besides the
-- `price` of every slot that is open: a repeat takes no other answer's money. Nothing of the item is
-- written. `draw` puts the answers in an order that tells nothing.
CREATE FUNCTION work_take_repeat(a_project uuid, a_contributor uuid, a_criteria uuid, apart integer,
  draw bigint, most bigint, price bigint)
RETURNS SETOF projects_item
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  since timestamptz;
  taken bigint;
  slots bigint;
BEGIN
  IF a_contributor IS DISTINCT FROM app_user_id() AND app_kind() <> 'system' THEN
    RAISE EXCEPTION 'claims are made by the contributor' USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- One is in hand at a time, so answers come in the order of their claims.
  SELECT a.claimed_at INTO since FROM work_assignment a
    WHERE a.contributor_id = a_contributor AND a.project_id = a_project
      AND a.kind IN ('work', 'repeat') AND a.submitted_at IS NOT NULL
    ORDER BY a.claimed_at DESC OFFSET greatest(apart, 1) - 1 LIMIT 1;
  IF since IS NULL THEN RETURN; END IF;
  SELECT a.item_id INTO taken FROM work_assignment a JOIN projects_item i ON i.id = a.item_id
    WHERE a.contributor_id = a_contributor AND a.project_id = a_project AND a.kind = 'work'
      AND a.state = 'accepted' AND a.rounds = 1 AND a.criteria_id = a_criteria
      AND a.review_stopped_at IS NULL AND NOT a.is_disputed AND a.claimed_at < since
      AND i.state = 'active' AND i.purpose = 'work'
      AND NOT EXISTS (SELECT 1 FROM projects_goldanswer g WHERE g.item_id = a.item_id)
      AND NOT EXISTS (SELECT 1 FROM work_assignment r
        WHERE r.item_id = a.item_id AND r.contributor_id = a_contributor AND r.kind = 'repeat')
    ORDER BY hashtextextended(i.sort_key::text, draw), i.id LIMIT 1;
  IF taken IS NULL THEN RETURN; END IF;
  SELECT coalesce(sum(i.open_slots), 0) INTO slots FROM projects_item i
    WHERE i.project_id = a_project AND i.state = 'active' AND i.purpose = 'work';
  RETURN QUERY SELECT i.* FROM projects_item i WHERE i.id = taken AND EXISTS (
    SELECT 1 FROM ledger_account h WHERE h.purpose = 'held' AND h.scope_id = a_project
      AND h.credits_posted - h.debits_posted - h.debits_pending >= most + price * slots);
END $$;

-- As before, and a repeat neither takes a slot nor gives one back.
CREATE OR REPLACE FUNCTION work_return_slot(an_assignment uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  held work_assignment%ROWTYPE;
BEGIN
  SELECT * INTO held FROM work_assignment WHERE id = an_assignment;
  IF held.kind <> 'work' OR held.state NOT IN ('given_back', 'expired', 'final', 'rejected') OR NOT
    (held.contributor_id IS NOT DISTINCT FROM app_user_id() OR held.org_id = ANY (app_org_ids())
     OR app_is_staff())
  THEN RETURN; END IF;
  PERFORM 1 FROM projects_item WHERE id = held.item_id FOR NO KEY UPDATE;
  UPDATE projects_item i SET open_slots = greatest(0, i.overlap - (
      SELECT count(*) FROM work_assignment a WHERE a.item_id = i.id AND a.kind <> 'repeat'
        AND a.state IN ('claimed', 'submitted', 'rework', 'accepted', 'overturned')))
    WHERE i.id = held.item_id;
END $$;

-- As before, repeats included: they are reviewed as work.
CREATE OR REPLACE FUNCTION work_reminders(at timestamptz, rework interval, appeal interval,
  review interval)
RETURNS TABLE (what text, id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT 'rework', a.id, a.org_id FROM work_assignment a
  WHERE a.state = 'rework' AND a.next_due_at > at AND a.next_due_at <= at + rework
    AND NOT EXISTS (SELECT 1 FROM notices_notice n WHERE n.key = 'rework:' || a.id)
  UNION ALL
  SELECT 'appeal', a.id, a.org_id FROM work_assignment a
  WHERE a.state = 'rejected' AND a.held_until IS NULL
    AND a.next_due_at > at AND a.next_due_at <= at + appeal
    AND NOT EXISTS (SELECT 1 FROM notices_notice n WHERE n.key = 'appeal:' || a.id)
  UNION ALL
  SELECT 'review', p.project_id, p.org_id FROM (
    SELECT DISTINCT a.project_id, a.org_id FROM work_assignment a
    WHERE a.state = 'submitted' AND a.kind IN ('work', 'repeat') AND a.accept_requested_at IS NULL
      AND a.next_due_at > at AND a.next_due_at <= at + review) p
  WHERE NOT EXISTS (SELECT 1 FROM notices_notice n
    WHERE n.key = 'review:' || p.project_id || ':' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
  UNION ALL
  SELECT 'retake', e.id, e.org_id FROM work_enrolment e
  WHERE e.state = 'failed' AND e.retake_at <= at AND e.retake_at > at - interval '30 days'
    AND NOT EXISTS (SELECT 1 FROM notices_notice n
      WHERE n.key = 'retake:' || e.id || ':' || e.attempts)
  UNION ALL
  SELECT 'offer', p.id, p.org_id FROM projects_project p JOIN projects_offer o ON o.project_id = p.id
  WHERE o.is_listed AND p.state = 'live' AND p.published_at > at - interval '1 day'
$$;

-- As before, and a verdict about a repeat asks for no run: none of them reads it.
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
    AND (EXISTS (SELECT 1 FROM work_verdict v JOIN work_assignment a ON a.id = v.assignment_id
        WHERE v.project_id = p.id AND a.kind <> 'repeat'
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

-- Projects where a repeat was handed in, or rejected, or a rejection of one overturned, since they
-- were last looked at. Not more often than every ten minutes: each look reads every pair.
CREATE FUNCTION work_repeats_due(at timestamptz) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.id, p.org_id FROM projects_project p
    LEFT JOIN LATERAL (SELECT r.finished_at FROM scoring_repeatrun r WHERE r.project_id = p.id
      ORDER BY r.finished_at DESC LIMIT 1) last ON true
  WHERE EXISTS (SELECT 1 FROM work_submission s WHERE s.project_id = p.id AND s.kind = 'repeat')
    AND (last.finished_at IS NULL OR last.finished_at <= at - interval '10 minutes')
    AND (EXISTS (SELECT 1 FROM work_submission s
        WHERE s.project_id = p.id AND s.kind = 'repeat' AND s.undone_at IS NULL
          AND s.undo_until <= at
          AND s.undo_until > coalesce(last.finished_at, '-infinity'::timestamptz))
      OR EXISTS (SELECT 1 FROM work_verdict v JOIN work_assignment a ON a.id = v.assignment_id
        WHERE a.project_id = p.id AND a.kind = 'repeat' AND v.decided_at > last.finished_at
          AND v.outcome IN ('rejected', 'overturned')))
$$;

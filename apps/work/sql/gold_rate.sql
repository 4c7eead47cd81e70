-- As before, with how unsure the last run is of this contributor: from it follows the share of items
-- with a known answer, within the bounds of the criteria.
DROP FUNCTION work_claim_scene(uuid, uuid);
CREATE FUNCTION work_claim_scene(a_project uuid, a_contributor uuid)
RETURNS TABLE (open_claim uuid, org_id uuid, project_state text, visibility text, criteria_id uuid,
  enrolment_id uuid, enrolment_state text, tier text, attempts integer, cursor_key bigint,
  instruction_seconds integer, gold_count integer, is_deactivated boolean,
  has_seats boolean, gold_unsure double precision)
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
      p.seats IS NOT NULL, e.gold_unsure
    FROM projects_project p WHERE p.id = a_project AND (found IS NOT NULL OR e.id IS NOT NULL);
END $$;

-- As before, and each time that an item is given as one with a known answer is counted on its row,
-- which is written anyway. One that was given `most` times rests; without `most` none does.
DROP FUNCTION work_take_item(uuid, uuid, bigint, boolean, text);
CREATE FUNCTION work_take_item(a_project uuid, a_contributor uuid, a_cursor bigint, gold boolean,
  wanted text, most integer DEFAULT NULL)
RETURNS SETOF projects_item
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  taken bigint;
  lowest bigint;
  highest bigint;
  pivot bigint;
BEGIN
  IF a_contributor IS DISTINCT FROM app_user_id() AND app_kind() <> 'system' THEN
    RAISE EXCEPTION 'claims are made by the contributor' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF wanted IS NOT NULL THEN
    SELECT i.id INTO taken FROM projects_item i
      WHERE i.external_id = wanted AND i.project_id = a_project AND i.state = 'active'
        AND i.purpose = 'work' AND i.open_slots > 0
        AND NOT EXISTS (SELECT 1 FROM work_assignment a
          WHERE a.item_id = i.id AND a.contributor_id = a_contributor
            AND a.state NOT IN ('given_back', 'expired'))
      FOR NO KEY UPDATE OF i;
  ELSIF gold THEN
    SELECT min(g.item_id), max(g.item_id) INTO lowest, highest FROM projects_goldanswer g
      WHERE g.project_id = a_project AND g.demoted_at IS NULL;
    pivot := lowest + floor(random() * (highest - lowest + 1))::bigint;
    FOR i IN 1..2 LOOP
      SELECT c.item_id INTO taken FROM (
          SELECT g.item_id FROM projects_goldanswer g JOIN projects_item t ON t.id = g.item_id
          WHERE g.project_id = a_project AND g.demoted_at IS NULL AND t.state = 'active'
            AND t.purpose = 'work' AND (most IS NULL OR t.exposed < most)
            AND g.item_id >= (CASE WHEN i = 1 THEN pivot ELSE lowest END)
            AND (i = 1 OR g.item_id < pivot)
          ORDER BY g.item_id LIMIT 64) c
        WHERE NOT EXISTS (SELECT 1 FROM work_assignment a
          WHERE a.item_id = c.item_id AND a.contributor_id = a_contributor)
        ORDER BY c.item_id LIMIT 1;
      EXIT WHEN taken IS NOT NULL;
    END LOOP;
  ELSE
    FOR i IN 1..2 LOOP
      SELECT t.id INTO taken FROM projects_item t
        WHERE t.project_id = a_project AND t.state = 'active' AND t.purpose = 'work'
          AND t.open_slots > 0
          AND t.sort_key > (CASE WHEN i = 1 THEN a_cursor ELSE -9223372036854775808 END)
          AND (i = 1 OR t.sort_key <= a_cursor)
          AND NOT EXISTS (SELECT 1 FROM work_assignment a
            WHERE a.item_id = t.id AND a.contributor_id = a_contributor
              AND a.state NOT IN ('given_back', 'expired'))
        ORDER BY t.sort_key, t.id LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED;
      EXIT WHEN taken IS NOT NULL;
    END LOOP;
  END IF;
  IF taken IS NULL THEN RETURN; END IF;
  RETURN QUERY UPDATE projects_item i SET open_slots = greatest(i.open_slots - 1, 0),
      exposed = i.exposed + gold::integer
    WHERE i.id = taken AND (NOT gold OR most IS NULL OR i.exposed < most) RETURNING i.*;
END $$;

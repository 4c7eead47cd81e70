ALTER TABLE work_overlapplan ENABLE ROW LEVEL SECURITY;
CREATE POLICY plan_tenant ON work_overlapplan
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

-- Runs that wait for a plan: the last one taken of each project whose criteria leave a choice.
CREATE FUNCTION work_unplanned_runs() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT last.id, last.org_id FROM projects_project p
    JOIN projects_criteriaversion c ON c.id = p.criteria_id
    CROSS JOIN LATERAL (SELECT r.id, r.org_id, r.handled_at FROM scoring_scoringrun r
      WHERE r.project_id = p.id AND r.state = 'done' ORDER BY r.created_at DESC LIMIT 1) last
  WHERE p.state IN ('live', 'paused') AND last.handled_at IS NOT NULL
    AND (c.body ->> 'overlap_max')::integer > (c.body ->> 'overlap')::integer
    AND NOT EXISTS (SELECT 1 FROM work_overlapplan o WHERE o.run_id = last.id)
$$;

-- As before, and with `planned` what the last plan asks for comes first, the most telling item
-- before the others. At most 64 of them are looked at, so that who has answered all of those pays no
-- more for it than a few index entries, and walks on.
DROP FUNCTION work_take_item(uuid, uuid, bigint, boolean, text, integer);
CREATE FUNCTION work_take_item(a_project uuid, a_contributor uuid, a_cursor bigint, gold boolean,
  wanted text, most integer DEFAULT NULL, planned boolean DEFAULT false)
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
    IF planned THEN
      SELECT t.id INTO taken FROM projects_item t
        WHERE t.id = ANY (ARRAY(SELECT u.id FROM projects_item u
            WHERE u.project_id = a_project AND u.state = 'active' AND u.purpose = 'work'
              AND u.open_slots > 0 AND u.asked > 0
            ORDER BY u.asked DESC, u.sort_key LIMIT 64))
          AND t.state = 'active' AND t.open_slots > 0 AND t.asked > 0
          AND NOT EXISTS (SELECT 1 FROM work_assignment a
            WHERE a.item_id = t.id AND a.contributor_id = a_contributor
              AND a.state NOT IN ('given_back', 'expired'))
        ORDER BY t.asked DESC, t.sort_key LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED;
    END IF;
    FOR i IN 1..2 LOOP
      EXIT WHEN taken IS NOT NULL;
      SELECT t.id INTO taken FROM projects_item t
        WHERE t.project_id = a_project AND t.state = 'active' AND t.purpose = 'work'
          AND t.open_slots > 0
          AND t.sort_key > (CASE WHEN i = 1 THEN a_cursor ELSE -9223372036854775808 END)
          AND (i = 1 OR t.sort_key <= a_cursor)
          AND NOT EXISTS (SELECT 1 FROM work_assignment a
            WHERE a.item_id = t.id AND a.contributor_id = a_contributor
              AND a.state NOT IN ('given_back', 'expired'))
        ORDER BY t.sort_key, t.id LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED;
    END LOOP;
  END IF;
  IF taken IS NULL THEN RETURN; END IF;
  RETURN QUERY UPDATE projects_item i SET open_slots = greatest(i.open_slots - 1, 0),
      exposed = i.exposed + gold::integer
    WHERE i.id = taken AND (NOT gold OR most IS NULL OR i.exposed < most) RETURNING i.*;
END $$;

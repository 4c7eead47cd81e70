-- Takes one slot of one item for a contributor, or none. SKIP LOCKED: two contributors who claim
-- at once get different items, and never the same slot. Walks from the contributor's cursor, so
-- that a hundred thousand items already done cost nothing; wraps round once.
-- With `wanted` only that item is tried (assigned projects). With `gold` an item with a known
-- answer is taken; those have unlimited overlap and give away no slot. Up to 64 of them are tried on
-- either side of a random place, so that twenty thousand known answers cost no more than a few; who
-- has had all of those gets an ordinary item.
CREATE OR REPLACE FUNCTION work_take_item(a_project uuid, a_contributor uuid, a_cursor bigint,
  gold boolean, wanted text)
RETURNS TABLE (item_id bigint, item_sort_key bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  taken bigint;
  key bigint;
  lowest bigint;
  highest bigint;
  pivot bigint;
BEGIN
  IF a_contributor IS DISTINCT FROM app_user_id() AND app_kind() <> 'system' THEN
    RAISE EXCEPTION 'claims are made by the contributor' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF wanted IS NOT NULL THEN
    SELECT i.id, i.sort_key INTO taken, key FROM projects_item i
      WHERE i.external_id = wanted AND i.project_id = a_project AND i.state = 'active'
        AND i.purpose = 'work' AND i.open_slots > 0
        AND NOT EXISTS (SELECT 1 FROM work_assignment a
          WHERE a.item_id = i.id AND a.contributor_id = a_contributor
            AND a.state NOT IN ('given_back', 'expired'))
      FOR UPDATE OF i;
  ELSIF gold THEN
    SELECT min(g.item_id), max(g.item_id) INTO lowest, highest FROM projects_goldanswer g
      WHERE g.project_id = a_project AND g.demoted_at IS NULL;
    pivot := lowest + floor(random() * (highest - lowest + 1))::bigint;
    FOR i IN 1..2 LOOP
      SELECT c.item_id INTO taken FROM (
          SELECT g.item_id FROM projects_goldanswer g JOIN projects_item t ON t.id = g.item_id
          WHERE g.project_id = a_project AND g.demoted_at IS NULL AND t.state = 'active'
            AND t.purpose = 'work'
            AND g.item_id >= (CASE WHEN i = 1 THEN pivot ELSE lowest END)
            AND (i = 1 OR g.item_id < pivot)
          ORDER BY g.item_id LIMIT 64) c
        WHERE NOT EXISTS (SELECT 1 FROM work_assignment a
          WHERE a.item_id = c.item_id AND a.contributor_id = a_contributor)
        ORDER BY c.item_id LIMIT 1;
      EXIT WHEN taken IS NOT NULL;
    END LOOP;
    key := NULL;
  ELSE
    FOR i IN 1..2 LOOP
      SELECT t.id, t.sort_key INTO taken, key FROM projects_item t
        WHERE t.project_id = a_project AND t.state = 'active' AND t.purpose = 'work'
          AND t.open_slots > 0
          AND t.sort_key > (CASE WHEN i = 1 THEN a_cursor ELSE -9223372036854775808 END)
          AND (i = 1 OR t.sort_key <= a_cursor)
          AND NOT EXISTS (SELECT 1 FROM work_assignment a
            WHERE a.item_id = t.id AND a.contributor_id = a_contributor
              AND a.state NOT IN ('given_back', 'expired'))
        ORDER BY t.sort_key, t.id LIMIT 1 FOR UPDATE OF t SKIP LOCKED;
      EXIT WHEN taken IS NOT NULL;
    END LOOP;
  END IF;
  IF taken IS NULL THEN RETURN; END IF;
  UPDATE projects_item SET open_slots = greatest(open_slots - 1, 0) WHERE id = taken;
  RETURN QUERY SELECT taken, key;
END $$;

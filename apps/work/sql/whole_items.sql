-- As before, and the whole item is returned, so that its contributor is shown it without asking again.
DROP FUNCTION work_take_item(uuid, uuid, bigint, boolean, text);
DROP FUNCTION work_take_qualification_item(uuid, uuid, integer);

-- Takes one slot of one item for a contributor, or none. SKIP LOCKED: two contributors who claim
-- at once get different items, and never the same slot. Walks from the contributor's cursor, so
-- that a hundred thousand items already done cost nothing; wraps round once.
-- With `wanted` only that item is tried (assigned projects). With `gold` an item with a known
-- answer is taken; those have unlimited overlap and give away no slot. Up to 64 of them are tried on
-- either side of a random place, so that twenty thousand known answers cost no more than a few; who
-- has had all of those gets an ordinary item.
CREATE FUNCTION work_take_item(a_project uuid, a_contributor uuid, a_cursor bigint, gold boolean,
  wanted text)
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
            AND t.purpose = 'work'
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
  RETURN QUERY UPDATE projects_item i SET open_slots = greatest(i.open_slots - 1, 0)
    WHERE i.id = taken RETURNING i.*;
END $$;

-- The next item of a qualification that this attempt has not had yet, or none.
CREATE FUNCTION work_take_qualification_item(a_project uuid, a_contributor uuid,
  an_attempt integer)
RETURNS SETOF projects_item
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF a_contributor IS DISTINCT FROM app_user_id() AND app_kind() <> 'system' THEN
    RAISE EXCEPTION 'claims are made by the contributor' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN QUERY SELECT i.* FROM projects_item i JOIN projects_goldanswer g ON g.item_id = i.id
    WHERE i.project_id = a_project AND i.purpose = 'qualification' AND i.state = 'active'
      AND NOT EXISTS (SELECT 1 FROM work_assignment a
        WHERE a.item_id = i.id AND a.contributor_id = a_contributor
          AND a.attempt = an_attempt AND a.state NOT IN ('given_back', 'expired'))
    ORDER BY hashtextextended(a_contributor::text, i.sort_key) LIMIT 1;
END $$;

-- Whether what newcomers hold of a project together, this transaction's claim included, is within
-- their share of its budget. Until the end of the transaction no other claim is asked this.
CREATE FUNCTION work_newcomers_may_hold(a_project uuid, gold_minimum integer, share integer)
RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(a_project::text, 0));
  RETURN work_newcomers_held(a_project, gold_minimum) * 100 <= work_budget(a_project) * share;
END $$;

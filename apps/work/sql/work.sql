-- Both sides of an assignment see it; nobody else. A contributor reads items of own assignments.
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['enrolment', 'assignment', 'submission', 'verdict', 'settlement',
                           'earningline'] LOOP
    EXECUTE format('ALTER TABLE work_%s ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY %s_sides ON work_%s USING (
        org_id = ANY ((SELECT app_org_ids())::uuid[]) OR contributor_id = (SELECT app_user_id())
        OR (SELECT app_is_staff()))', t, t);
  END LOOP;
END $$;
CREATE POLICY item_of_own_assignment ON projects_item FOR SELECT
  USING (EXISTS (SELECT 1 FROM work_assignment a
                 WHERE a.item_id = projects_item.id AND a.contributor_id = (SELECT app_user_id())));
CREATE POLICY asset_of_enrolled ON projects_asset FOR SELECT
  USING (EXISTS (SELECT 1 FROM work_enrolment e WHERE e.project_id = projects_asset.project_id
                 AND e.contributor_id = (SELECT app_user_id())));
CREATE POLICY project_of_enrolled ON projects_project FOR SELECT
  USING (EXISTS (SELECT 1 FROM work_enrolment e WHERE e.project_id = projects_project.id
                 AND e.contributor_id = (SELECT app_user_id())));
CREATE POLICY criteria_of_enrolled ON projects_criteriaversion FOR SELECT
  USING (EXISTS (SELECT 1 FROM work_enrolment e
                 WHERE e.project_id = projects_criteriaversion.project_id
                   AND e.contributor_id = (SELECT app_user_id())));

-- Earning lines, verdicts and settlements are evidence.
CREATE TRIGGER line_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON work_earningline
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER verdict_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON work_verdict
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON work_settlement
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Takes one slot of one item for a contributor, or none. SKIP LOCKED: two contributors who claim
-- at once get different items, and never the same slot. Walks from the contributor's cursor, so
-- that a hundred thousand items already done cost nothing; wraps round once.
-- With `wanted` only that item is tried (assigned projects). With `gold` an item with a known
-- answer is taken; those have unlimited overlap and give away no slot.
CREATE FUNCTION work_take_item(a_project uuid, a_contributor uuid, a_cursor bigint,
  gold boolean, wanted text)
RETURNS TABLE (item_id bigint, item_sort_key bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  taken bigint;
  key bigint;
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
    SELECT i.id, i.sort_key INTO taken, key FROM projects_goldanswer g
      JOIN projects_item i ON i.id = g.item_id
      WHERE g.project_id = a_project AND g.demoted_at IS NULL AND i.state = 'active'
        AND i.purpose = 'work'
        AND NOT EXISTS (SELECT 1 FROM work_assignment a
          WHERE a.item_id = i.id AND a.contributor_id = a_contributor)
      ORDER BY hashtextextended(a_contributor::text, i.sort_key) LIMIT 1;
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

-- The next item of a qualification that this attempt has not had yet.
CREATE FUNCTION work_take_qualification_item(a_project uuid, a_contributor uuid,
  an_attempt integer)
RETURNS bigint LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF a_contributor IS DISTINCT FROM app_user_id() AND app_kind() <> 'system' THEN
    RAISE EXCEPTION 'claims are made by the contributor' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN (SELECT i.id FROM projects_item i JOIN projects_goldanswer g ON g.item_id = i.id
    WHERE i.project_id = a_project AND i.purpose = 'qualification' AND i.state = 'active'
      AND NOT EXISTS (SELECT 1 FROM work_assignment a
        WHERE a.item_id = i.id AND a.contributor_id = a_contributor
          AND a.attempt = an_attempt AND a.state NOT IN ('given_back', 'expired'))
    ORDER BY hashtextextended(a_contributor::text, i.sort_key) LIMIT 1);
END $$;

-- A slot comes back: given back, expired or rejected. Counted anew under the item's lock.
CREATE FUNCTION work_return_slot(an_assignment uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  held work_assignment%ROWTYPE;
BEGIN
  SELECT * INTO held FROM work_assignment WHERE id = an_assignment;
  IF held.kind <> 'work' OR held.state NOT IN ('given_back', 'expired', 'final', 'rejected') OR NOT
    (held.contributor_id IS NOT DISTINCT FROM app_user_id() OR held.org_id = ANY (app_org_ids())
     OR app_is_staff())
  THEN RETURN; END IF;
  PERFORM 1 FROM projects_item WHERE id = held.item_id FOR UPDATE;
  UPDATE projects_item i SET open_slots = greatest(0, i.overlap - (
      SELECT count(*) FROM work_assignment a WHERE a.item_id = i.id
        AND a.state IN ('claimed', 'submitted', 'rework', 'accepted', 'overturned')))
    WHERE i.id = held.item_id;
END $$;

-- Marks a qualification answer that its author has already handed in; no other answer can be
-- tried against the gold.
CREATE FUNCTION work_mark(an_assignment uuid) RETURNS TABLE (correct boolean, explanation text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.answer_key = g.answer_key, g.explanation
  FROM work_submission s JOIN work_assignment a ON a.id = s.assignment_id
    JOIN projects_goldanswer g ON g.item_id = s.item_id
  WHERE a.id = an_assignment AND a.kind = 'qualification' AND s.undone_at IS NULL
    AND (a.contributor_id = app_user_id() OR a.org_id = ANY (app_org_ids()))
$$;

-- A contributor says that an item is broken; counted once an assignment.
CREATE FUNCTION work_report_broken(an_assignment uuid) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE projects_item i SET broken_reports = i.broken_reports + 1
  FROM work_assignment a
  WHERE a.id = an_assignment AND i.id = a.item_id AND a.give_back_reason = 'broken'
    AND (a.contributor_id = app_user_id() OR a.org_id = ANY (app_org_ids()))
  RETURNING i.broken_reports
$$;

-- Money of a project that accounts nobody knows yet hold as reserved or unreviewed.
CREATE FUNCTION work_newcomers_held(a_project uuid, gold_minimum integer) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(sum(e.unreviewed_held), 0)::bigint FROM work_enrolment e
  WHERE e.project_id = a_project AND e.gold_count < gold_minimum
$$;

-- Seats of the qualification that are taken: attempts begun by anybody.
CREATE FUNCTION work_seats_taken(a_project uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(sum(e.attempts), 0)::bigint FROM work_enrolment e WHERE e.project_id = a_project
$$;

-- The budget: everything ever put into the project's held funds, less what was taken out unspent.
CREATE FUNCTION work_budget(a_project uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(sum(a.credits_posted), 0)::bigint FROM ledger_account a
  WHERE a.purpose = 'held' AND a.scope_id = a_project
$$;

-- What sweeps may know: which assignment of which organization is due.
CREATE FUNCTION work_due(at timestamptz, how_many integer)
RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.id, a.org_id FROM work_assignment a
  WHERE a.next_due_at IS NOT NULL AND a.next_due_at <= at
  ORDER BY a.next_due_at LIMIT how_many
$$;

CREATE FUNCTION work_unscored_projects(at timestamptz)
RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT s.project_id, s.org_id FROM work_submission s
  WHERE s.scored_at IS NULL AND s.undone_at IS NULL AND s.undo_until <= at
$$;

CREATE FUNCTION work_to_settle()
RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT a.project_id, a.org_id FROM work_assignment a JOIN projects_project p
    ON p.id = a.project_id WHERE p.state <> 'draft' AND a.held_extra > 0
$$;

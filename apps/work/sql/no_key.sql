-- As before, with locks that let a row be referred to. Foreign keys are looked at when a transaction
-- commits, when it holds money already: FOR UPDATE would make it wait there for whoever has locked the
-- row and waits for the money.
CREATE OR REPLACE FUNCTION work_claim_scene(a_project uuid, a_contributor uuid)
RETURNS TABLE (open_claim uuid, org_id uuid, project_state text, visibility text, criteria_id uuid,
  enrolment_id uuid, enrolment_state text, tier text, attempts integer, cursor_key bigint,
  instruction_seconds integer, gold_count integer, is_deactivated boolean,
  has_seats boolean)
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
      p.seats IS NOT NULL
    FROM projects_project p WHERE p.id = a_project AND (found IS NOT NULL OR e.id IS NOT NULL);
END $$;

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
      SELECT count(*) FROM work_assignment a WHERE a.item_id = i.id
        AND a.state IN ('claimed', 'submitted', 'rework', 'accepted', 'overturned')))
    WHERE i.id = held.item_id;
END $$;

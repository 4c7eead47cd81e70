-- Which premiums the row of an item names. Nobody sees an item before it is claimed; its claim may
-- ask, by a contributor who has joined the project.
CREATE FUNCTION work_item_triggers(an_item bigint, a_contributor uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF a_contributor IS DISTINCT FROM app_user_id() AND app_kind() <> 'system' THEN
    RAISE EXCEPTION 'claims are made by the contributor' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN (SELECT i.triggers FROM projects_item i
    JOIN work_enrolment e ON e.project_id = i.project_id AND e.contributor_id = a_contributor
    WHERE i.id = an_item);
END $$;

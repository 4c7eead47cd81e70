-- No project of a buyer whose money is frozen becomes live, so that nothing new is claimed. The row
-- of the organization is locked: a freeze waits for whoever publishes at the same moment, and finds
-- the project live.
CREATE FUNCTION projects_not_frozen() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM organizations_organization o WHERE o.id = NEW.org_id FOR SHARE;
  IF EXISTS (SELECT 1 FROM organizations_organization o
             WHERE o.id = NEW.org_id AND o.frozen_at IS NOT NULL) THEN
    RAISE EXCEPTION 'projects: the money of organization % is frozen', NEW.org_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'project_not_frozen';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER projects_not_frozen BEFORE UPDATE OF state ON projects_project
  FOR EACH ROW WHEN (NEW.state = 'live' AND OLD.state <> 'live')
  EXECUTE FUNCTION projects_not_frozen();

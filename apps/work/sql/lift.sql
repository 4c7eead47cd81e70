-- Rounds and pools are the buyer's rows; what is said of a person is seen by both sides.
ALTER TABLE work_liftround ENABLE ROW LEVEL SECURITY;
CREATE POLICY lift_round_tenant ON work_liftround
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
ALTER TABLE work_liftpool ENABLE ROW LEVEL SECURITY;
CREATE POLICY lift_pool_tenant ON work_liftpool
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
ALTER TABLE work_liftscore ENABLE ROW LEVEL SECURITY;
CREATE POLICY lift_score_sides ON work_liftscore USING (
  org_id = ANY ((SELECT app_org_ids())::uuid[]) OR contributor_id = (SELECT app_user_id())
  OR (SELECT app_is_staff()));
-- What paid somebody stays as it was.
CREATE TRIGGER lift_score_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON work_liftscore
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION work_lift_rounds() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.id, r.org_id FROM work_liftround r WHERE r.begun_at IS NULL ORDER BY r.asked_at
$$;

-- By project: pools that wait for their run, or whose rest goes back.
CREATE FUNCTION work_lift_pools() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.project_id, p.org_id FROM work_liftpool p WHERE p.state <> 'returned'
$$;

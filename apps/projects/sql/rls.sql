-- Tenant rows. A contributor sees a project that is listed or in which they are enrolled, its
-- criteria, and items of own assignments. Gold, drafts, imports and figures have no contributor
-- policy. `(SELECT …)` makes PostgreSQL ask once a query, not once a row.
ALTER TABLE projects_project ENABLE ROW LEVEL SECURITY;
CREATE POLICY project_tenant ON projects_project
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
CREATE POLICY project_listed ON projects_project FOR SELECT
  USING (EXISTS (SELECT 1 FROM projects_offer o WHERE o.project_id = id AND o.is_listed));

ALTER TABLE projects_projectdraft ENABLE ROW LEVEL SECURITY;
CREATE POLICY draft_tenant ON projects_projectdraft
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

ALTER TABLE projects_criteriaversion ENABLE ROW LEVEL SECURITY;
CREATE POLICY criteria_tenant ON projects_criteriaversion
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
CREATE POLICY criteria_listed ON projects_criteriaversion FOR SELECT
  USING (EXISTS (SELECT 1 FROM projects_offer o
                 WHERE o.project_id = projects_criteriaversion.project_id AND o.is_listed));
-- Never changed, not even by the owner.
CREATE TRIGGER criteria_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON projects_criteriaversion
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE projects_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON projects_item
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

ALTER TABLE projects_goldanswer ENABLE ROW LEVEL SECURITY;
CREATE POLICY gold_tenant ON projects_goldanswer
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

ALTER TABLE projects_asset ENABLE ROW LEVEL SECURITY;
CREATE POLICY asset_tenant ON projects_asset
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

ALTER TABLE projects_itemimport ENABLE ROW LEVEL SECURITY;
CREATE POLICY import_tenant ON projects_itemimport
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

ALTER TABLE projects_stageditem ENABLE ROW LEVEL SECURITY;
CREATE POLICY staged_tenant ON projects_stageditem
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

ALTER TABLE projects_projectfigures ENABLE ROW LEVEL SECURITY;
CREATE POLICY figures_tenant ON projects_projectfigures
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

-- What sweeps may know: which row of which organization is due.
CREATE FUNCTION projects_imports_due(stale_before timestamptz)
RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT i.id, i.org_id FROM projects_itemimport i
  WHERE i.state = 'queued' OR (i.state = 'running' AND i.claimed_at < stale_before)
$$;

CREATE FUNCTION projects_with_work() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.id, p.org_id FROM projects_project p WHERE p.state IN ('live', 'paused', 'closing')
$$;

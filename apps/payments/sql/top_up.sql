-- As in rls.sql: the organization's own rows, and the platform's sweep.
ALTER TABLE payments_topuprule ENABLE ROW LEVEL SECURITY;
CREATE POLICY top_up_tenant ON payments_topuprule USING (
  org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
CREATE POLICY top_up_platform ON payments_topuprule USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);

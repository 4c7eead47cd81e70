ALTER TABLE organizations_billingdetails ENABLE ROW LEVEL SECURITY;
CREATE POLICY billing_tenant ON organizations_billingdetails
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

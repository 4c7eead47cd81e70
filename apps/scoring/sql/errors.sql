-- Where answers go wrong: rows of the organization; staff reads them.
ALTER TABLE scoring_errorrun ENABLE ROW LEVEL SECURITY;
CREATE POLICY errorrun_tenant ON scoring_errorrun
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

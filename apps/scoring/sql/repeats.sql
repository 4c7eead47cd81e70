-- How far people agree with themselves: rows of the organization; staff reads them.
ALTER TABLE scoring_repeatrun ENABLE ROW LEVEL SECURITY;
CREATE POLICY repeatrun_tenant ON scoring_repeatrun
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

-- What was paid for a further use is the buyer's row, and evidence.
ALTER TABLE work_secondaryuse ENABLE ROW LEVEL SECURITY;
CREATE POLICY use_tenant ON work_secondaryuse
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
CREATE TRIGGER use_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON work_secondaryuse
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

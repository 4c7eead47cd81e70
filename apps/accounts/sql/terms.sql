-- A version of the terms is read by everybody, published by staff, and never changed.
ALTER TABLE accounts_termsversion ENABLE ROW LEVEL SECURITY;
CREATE POLICY terms_read ON accounts_termsversion FOR SELECT USING (true);
CREATE POLICY terms_publish ON accounts_termsversion FOR INSERT WITH CHECK (app_is_staff());
CREATE TRIGGER terms_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_termsversion
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Who accepted which version: written by that person alone, read by staff, too.
ALTER TABLE accounts_termsacceptance ENABLE ROW LEVEL SECURITY;
CREATE POLICY acceptance_read ON accounts_termsacceptance FOR SELECT
  USING (user_id = (SELECT app_user_id()) OR (SELECT app_is_staff()));
CREATE POLICY acceptance_write ON accounts_termsacceptance FOR INSERT
  WITH CHECK (user_id = (SELECT app_user_id()));
CREATE TRIGGER acceptance_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_termsacceptance
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE accounts_contributorprofile ENABLE ROW LEVEL SECURITY;
CREATE POLICY profile_own ON accounts_contributorprofile
  USING (user_id = app_user_id() OR app_is_staff());
ALTER TABLE accounts_credential ENABLE ROW LEVEL SECURITY;
CREATE POLICY credential_own ON accounts_credential
  USING (user_id = app_user_id() OR app_is_staff());

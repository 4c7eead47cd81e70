-- A deactivation review that nobody decides ends for the contributor: the sweep, which acts for
-- the platform (app.kind = 'system' without an organization), reinstates the profile.
CREATE POLICY profile_platform ON accounts_contributorprofile USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);

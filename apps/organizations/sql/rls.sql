ALTER TABLE organizations_organization ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_tenant ON organizations_organization
  USING (id = ANY (app_org_ids()) OR app_is_staff());

ALTER TABLE organizations_membership ENABLE ROW LEVEL SECURITY;
CREATE POLICY membership_tenant ON organizations_membership
  USING (org_id = ANY (app_org_ids()) OR app_is_staff());
-- Signing in asks for one's own memberships before any organization is known.
CREATE POLICY membership_own ON organizations_membership FOR SELECT USING (user_id = app_user_id());

ALTER TABLE organizations_invitation ENABLE ROW LEVEL SECURITY;
CREATE POLICY invitation_tenant ON organizations_invitation
  USING (org_id = ANY (app_org_ids()) OR app_is_staff());
CREATE POLICY invitation_own ON organizations_invitation FOR SELECT
  USING (lower(email) = (SELECT lower(u.email) FROM accounts_user u WHERE u.id = app_user_id()));

-- Whom to tell: ids of members with one of these roles, and nothing else of them. A contributor's
-- action has to tell the buyer's people without being able to read the memberships.
CREATE FUNCTION organizations_members(an_org uuid, roles text[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT m.user_id FROM organizations_membership m WHERE m.org_id = an_org AND m.role = ANY (roles)
$$;

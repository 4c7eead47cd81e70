-- Organizations of whoever acts, with the role held in each. Asked by every request; the policies
-- decide as always, and a session plans the question once.
CREATE FUNCTION organizations_roles() RETURNS TABLE (org_id uuid, role text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT m.org_id, m.role::text FROM organizations_membership m
    WHERE m.user_id = app_user_id();
END $$;

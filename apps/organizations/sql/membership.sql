-- Whoever was never a member of an organization has no roles to be asked for.
CREATE FUNCTION organizations_note_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts_user SET is_member = true WHERE id = NEW.user_id AND NOT is_member;
  RETURN NULL;
END $$;
CREATE TRIGGER organizations_note_member AFTER INSERT ON organizations_membership
  FOR EACH ROW EXECUTE FUNCTION organizations_note_member();

UPDATE accounts_user SET is_member = true
  WHERE id IN (SELECT user_id FROM organizations_membership);

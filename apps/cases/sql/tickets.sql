CREATE SEQUENCE cases_ticket_numbers START 1001;
GRANT USAGE ON SEQUENCE cases_ticket_numbers TO $APP;

-- Own tickets and the staff's. What somebody without an account asked is nobody's row: the action
-- that has checked the signed link reads and writes it for the platform.
ALTER TABLE cases_ticket ENABLE ROW LEVEL SECURITY;
CREATE POLICY ticket_sides ON cases_ticket USING (
  user_id = (SELECT app_user_id()) OR (SELECT app_is_staff()));
CREATE POLICY ticket_platform ON cases_ticket USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);

ALTER TABLE cases_letter ENABLE ROW LEVEL SECURITY;
CREATE POLICY letter_read ON cases_letter FOR SELECT USING (
  user_id = (SELECT app_user_id()) OR (SELECT app_is_staff()));
-- A person writes into own tickets and never in the staff's name. Nobody changes a letter.
CREATE POLICY letter_write ON cases_letter FOR INSERT WITH CHECK (
  (SELECT app_is_staff()) OR (
    user_id = (SELECT app_user_id()) AND answered_by_id IS NULL
    AND EXISTS (SELECT 1 FROM cases_ticket t
                WHERE t.id = ticket_id AND t.user_id = (SELECT app_user_id()))));
CREATE POLICY letter_platform ON cases_letter USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);

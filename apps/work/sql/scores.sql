-- A person's score of a week: both sides see it, as they see what it was made of.
ALTER TABLE work_score ENABLE ROW LEVEL SECURITY;
CREATE POLICY score_sides ON work_score USING (
  org_id = ANY ((SELECT app_org_ids())::uuid[]) OR contributor_id = (SELECT app_user_id())
  OR (SELECT app_is_staff()));

-- Sums of a contributor's work on a project: both sides see them; the sweep of figures writes them.
ALTER TABLE work_earnings ENABLE ROW LEVEL SECURITY;
CREATE POLICY earnings_sides ON work_earnings USING (
  org_id = ANY ((SELECT app_org_ids())::uuid[]) OR contributor_id = (SELECT app_user_id())
  OR (SELECT app_is_staff()));

ALTER TABLE cases_case ENABLE ROW LEVEL SECURITY;
CREATE POLICY case_sides ON cases_case USING (
  org_id = ANY ((SELECT app_org_ids())::uuid[]) OR contributor_id = (SELECT app_user_id())
  OR (SELECT app_is_staff()));
-- Deactivation reviews belong to no organization; their deadline is the platform's task.
CREATE POLICY case_platform ON cases_case USING (
  org_id IS NULL AND (SELECT app_kind()) = 'system'
  AND cardinality((SELECT app_org_ids())) = 0);

CREATE FUNCTION cases_due(at timestamptz) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT c.id, c.org_id FROM cases_case c WHERE c.state = 'open' AND c.due_at <= at
$$;

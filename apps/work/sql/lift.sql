-- Rounds and pools are the buyer's rows; what is said of a person is seen by both sides.
ALTER TABLE work_liftround ENABLE ROW LEVEL SECURITY;
CREATE POLICY lift_round_tenant ON work_liftround
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
ALTER TABLE work_liftpool ENABLE ROW LEVEL SECURITY;
CREATE POLICY lift_pool_tenant ON work_liftpool
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
ALTER TABLE work_liftscore ENABLE ROW LEVEL SECURITY;
CREATE POLICY lift_score_sides ON work_liftscore USING (
  org_id = ANY ((SELECT app_org_ids())::uuid[]) OR contributor_id = (SELECT app_user_id())
  OR (SELECT app_is_staff()));
-- What paid somebody stays as it was.
CREATE TRIGGER lift_score_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON work_liftscore
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION work_lift_rounds() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.id, r.org_id FROM work_liftround r WHERE r.begun_at IS NULL ORDER BY r.asked_at
$$;

-- By project: pools that wait for their run, or whose rest goes back.
CREATE FUNCTION work_lift_pools() RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.project_id, p.org_id FROM work_liftpool p WHERE p.state <> 'returned'
$$;

-- Of the people whose answers made a model of this buyer's better, those whom another live project of
-- theirs would take: profile, credentials and region fit a tier, and they have not joined it.
CREATE FUNCTION work_lift_fitting(a_source uuid, a_project uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT c.user_id
  FROM projects_project p JOIN projects_criteriaversion v ON v.id = p.criteria_id
    CROSS JOIN LATERAL jsonb_array_elements(v.body -> 'tiers') t
    JOIN work_liftscore s ON s.project_id = a_source AND s.org_id = p.org_id
      AND s.significant = 'positive'
      AND s.at = (SELECT max(l.at) FROM work_liftscore l WHERE l.project_id = a_source)
    JOIN accounts_contributorprofile c ON c.user_id = s.contributor_id
    JOIN accounts_user u ON u.id = c.user_id
  WHERE p.id = a_project AND p.id <> a_source AND p.org_id = ANY (app_org_ids())
    AND p.state = 'live' AND p.visibility = 'public'
    AND u.is_active AND NOT u.is_staff AND c.deactivated_at IS NULL
    AND (jsonb_array_length(t -> 'regions') = 0 OR jsonb_exists(t -> 'regions', c.region))
    AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements_text(t -> 'languages') l
                    WHERE l <> ALL (c.languages))
    AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements_text(t -> 'credentials') k
                    WHERE NOT EXISTS (SELECT 1 FROM accounts_credential x
                      WHERE x.user_id = c.user_id AND x.kind = k AND x.state = 'verified'))
    AND NOT EXISTS (SELECT 1 FROM organizations_membership m
                    WHERE m.org_id = p.org_id AND m.user_id = c.user_id)
    AND NOT EXISTS (SELECT 1 FROM work_enrolment e
                    WHERE e.project_id = p.id AND e.contributor_id = c.user_id)
$$;

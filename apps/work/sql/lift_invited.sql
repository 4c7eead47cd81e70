-- As before, without those who are invited already: each is told once, and counted once.
CREATE OR REPLACE FUNCTION work_lift_fitting(a_source uuid, a_project uuid) RETURNS SETOF uuid
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
    AND NOT EXISTS (SELECT 1 FROM notices_notice n
                    WHERE n.user_id = c.user_id AND n.key = 'lift_invite:' || a_project)
$$;

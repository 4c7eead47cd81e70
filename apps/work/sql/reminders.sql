-- What the reminding sweep may know: which row of which organization nobody was told of yet. A
-- notice with the key is the memory, so a deadline that moves reminds nobody twice.
CREATE FUNCTION work_reminders(at timestamptz, rework interval, appeal interval, review interval)
RETURNS TABLE (what text, id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT 'rework', a.id, a.org_id FROM work_assignment a
  WHERE a.state = 'rework' AND a.next_due_at > at AND a.next_due_at <= at + rework
    AND NOT EXISTS (SELECT 1 FROM notices_notice n WHERE n.key = 'rework:' || a.id)
  UNION ALL
  SELECT 'appeal', a.id, a.org_id FROM work_assignment a
  WHERE a.state = 'rejected' AND a.held_until IS NULL
    AND a.next_due_at > at AND a.next_due_at <= at + appeal
    AND NOT EXISTS (SELECT 1 FROM notices_notice n WHERE n.key = 'appeal:' || a.id)
  UNION ALL
  SELECT 'review', p.project_id, p.org_id FROM (
    SELECT DISTINCT a.project_id, a.org_id FROM work_assignment a
    WHERE a.state = 'submitted' AND a.kind = 'work' AND a.accept_requested_at IS NULL
      AND a.next_due_at > at AND a.next_due_at <= at + review) p
  WHERE NOT EXISTS (SELECT 1 FROM notices_notice n
    WHERE n.key = 'review:' || p.project_id || ':' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
  UNION ALL
  SELECT 'retake', e.id, e.org_id FROM work_enrolment e
  WHERE e.state = 'failed' AND e.retake_at <= at AND e.retake_at > at - interval '30 days'
    AND NOT EXISTS (SELECT 1 FROM notices_notice n
      WHERE n.key = 'retake:' || e.id || ':' || e.attempts)
  UNION ALL
  SELECT 'offer', p.id, p.org_id FROM projects_project p JOIN projects_offer o ON o.project_id = p.id
  WHERE o.is_listed AND p.state = 'live' AND p.published_at > at - interval '1 day'
$$;

-- Who may work on a listed project and has neither joined nor been told: ids alone, for the sweep.
CREATE FUNCTION work_fitting(a_project uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT c.user_id
  FROM projects_project p JOIN projects_criteriaversion v ON v.id = p.criteria_id
    CROSS JOIN LATERAL jsonb_array_elements(v.body -> 'tiers') t
    CROSS JOIN accounts_contributorprofile c JOIN accounts_user u ON u.id = c.user_id
  WHERE p.id = a_project AND app_kind() = 'system' AND p.org_id = ANY (app_org_ids())
    AND u.is_active AND NOT u.is_staff AND u.email NOT LIKE '%.invalid'
    AND c.deactivated_at IS NULL
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
                    WHERE n.user_id = c.user_id AND n.key = 'offer:' || p.id)
$$;

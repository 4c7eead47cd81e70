-- A qualification is work: no criteria can be published in which it costs nothing.
ALTER TABLE projects_criteriaversion ADD CONSTRAINT criteria_qualification_is_paid CHECK (
  NOT jsonb_path_exists(body, '$.tiers[*].qualification ? (@ != null)')
  OR coalesce(jsonb_path_exists(body, '$.pay.qualification ? (@ > 0)'), false)
);

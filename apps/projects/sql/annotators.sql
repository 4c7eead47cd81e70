-- Answers of models and labelling functions: rows of the organization; staff reads them. No
-- contributor sees them, so that nobody's answers lean on a machine's.
ALTER TABLE projects_annotatoranswer ENABLE ROW LEVEL SECURITY;
CREATE POLICY annotator_answer_tenant ON projects_annotatoranswer
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

ALTER TABLE projects_stagedanswer ENABLE ROW LEVEL SECURITY;
CREATE POLICY staged_answer_tenant ON projects_stagedanswer
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

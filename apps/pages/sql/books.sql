-- Checks of the books: staff reads, the platform's task writes, nobody changes.
ALTER TABLE pages_bookscheck ENABLE ROW LEVEL SECURITY;
CREATE POLICY bookscheck_read ON pages_bookscheck FOR SELECT USING ((SELECT app_is_staff()));
CREATE POLICY bookscheck_platform ON pages_bookscheck USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);

ALTER TABLE notices_notice ENABLE ROW LEVEL SECURITY;
-- A person reads and marks their own; anybody's action may tell somebody something.
CREATE POLICY notice_own ON notices_notice FOR SELECT USING (user_id = app_user_id());
CREATE POLICY notice_mark ON notices_notice FOR UPDATE USING (user_id = app_user_id());
CREATE POLICY notice_tell ON notices_notice FOR INSERT WITH CHECK (true);

-- The e-mail task takes rows of everybody, marks them, and needs nothing else of them.
CREATE FUNCTION notices_take(taken_at timestamptz, how_many integer)
RETURNS TABLE (id uuid, user_id uuid, title text, body text, url text)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE notices_notice n SET emailed_at = taken_at
  WHERE n.id IN (SELECT m.id FROM notices_notice m WHERE m.emailed_at IS NULL
                 ORDER BY m.created_at LIMIT how_many FOR UPDATE SKIP LOCKED)
  RETURNING n.id, n.user_id, n.title::text, n.body, n.url::text
$$;

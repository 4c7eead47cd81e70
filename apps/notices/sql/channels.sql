-- The e-mail task acts for the platform: it reads notices that are to be mailed, marks them, and
-- writes the letters. People see and change their own choices alone.
DROP FUNCTION notices_take(timestamptz, integer);
CREATE POLICY notice_platform_read ON notices_notice FOR SELECT USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);
CREATE POLICY notice_platform_mark ON notices_notice FOR UPDATE USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);

ALTER TABLE notices_letter ENABLE ROW LEVEL SECURITY;
CREATE POLICY letter_platform ON notices_letter USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);
CREATE POLICY letter_read ON notices_letter FOR SELECT USING ((SELECT app_is_staff()));

ALTER TABLE notices_preference ENABLE ROW LEVEL SECURITY;
CREATE POLICY preference_own ON notices_preference USING (user_id = (SELECT app_user_id()));

-- Where these people want a group: anybody's action tells somebody something, and reads no more of
-- their choices than it needs for that.
CREATE FUNCTION notices_wishes(people uuid[], a_group text)
RETURNS TABLE (user_id uuid, is_in_page boolean, mail text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.user_id, p.is_in_page, p.mail::text FROM notices_preference p
  WHERE p.user_id = ANY (people) AND p."group" = a_group
$$;

-- Adds to today's notice of the same news while it is unread and unmailed, else tells nothing and
-- says so. Two at once may leave two notices; what they count together is right all the same.
CREATE FUNCTION notices_count_up(a_user uuid, a_tally text, more integer, at timestamptz)
RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH changed AS (
    UPDATE notices_notice n SET count = n.count + more, created_at = greatest(n.created_at, at)
    WHERE n.id = (SELECT m.id FROM notices_notice m WHERE m.user_id = a_user AND m.tally = a_tally
                    AND m.read_at IS NULL AND m.letter_id IS NULL
                  ORDER BY m.created_at DESC LIMIT 1 FOR UPDATE)
      AND n.read_at IS NULL AND n.letter_id IS NULL
    RETURNING 1)
  SELECT EXISTS (SELECT 1 FROM changed)
$$;

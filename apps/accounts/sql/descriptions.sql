-- What somebody says of themselves, if they like: read and written by that person alone, not by
-- staff either.
ALTER TABLE accounts_description ENABLE ROW LEVEL SECURITY;
CREATE POLICY description_own ON accounts_description
  USING (user_id = (SELECT app_user_id()) AND (SELECT app_kind()) = 'person');

-- For the system alone, which writes the files that errors are counted from: of these people, what
-- at least ten of them have said alike, beside the languages of their profiles. What fewer say does
-- not leave the tables.
CREATE FUNCTION accounts_described(people uuid[])
RETURNS TABLE (person uuid, attribute text, value text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH said AS (
    SELECT d.user_id, a.attribute, a.value FROM accounts_description d
      CROSS JOIN LATERAL (VALUES ('age_band', d.age_band), ('world_region', d.world_region),
        ('first_language', d.first_language), ('gender', d.gender)) a(attribute, value)
      WHERE d.user_id = ANY (people) AND a.value <> ''
    UNION ALL
    SELECT c.user_id, 'languages', array_to_string(c.languages, ',')
      FROM accounts_contributorprofile c
      WHERE c.user_id = ANY (people) AND cardinality(c.languages) > 0)
  SELECT s.user_id, s.attribute, s.value FROM said s
    JOIN (SELECT t.attribute, t.value FROM said t GROUP BY 1, 2 HAVING count(*) >= 10) many
      ON many.attribute = s.attribute AND many.value = s.value
  WHERE (SELECT app_kind()) = 'system'
$$;

-- What every request asks of a person stands in their own row, which every request reads.
CREATE FUNCTION accounts_note_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts_user u SET terms_number = v.number FROM accounts_termsversion v
    WHERE v.id = NEW.version_id AND u.id = NEW.user_id AND u.terms_number < v.number;
  RETURN NULL;
END $$;
CREATE TRIGGER accounts_note_terms AFTER INSERT ON accounts_termsacceptance
  FOR EACH ROW EXECUTE FUNCTION accounts_note_terms();

UPDATE accounts_user u SET terms_number = known.number FROM (
  SELECT a.user_id, max(v.number) AS number FROM accounts_termsacceptance a
    JOIN accounts_termsversion v ON v.id = a.version_id GROUP BY a.user_id) AS known
  WHERE known.user_id = u.id;

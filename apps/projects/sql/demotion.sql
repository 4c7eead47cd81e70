-- Gold that was taken back stays taken back, with its reason and whoever did it.
CREATE FUNCTION projects_demotion_stands() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'a demoted gold answer does not change' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER gold_demotion_stands BEFORE UPDATE ON projects_goldanswer FOR EACH ROW
  WHEN (OLD.demoted_at IS NOT NULL AND
    (OLD.item_id, OLD.answer_key, OLD.answer, OLD.demoted_at, OLD.demoted_by_id, OLD.demoted_case,
     OLD.demoted_reason)
    IS DISTINCT FROM
    (NEW.item_id, NEW.answer_key, NEW.answer, NEW.demoted_at, NEW.demoted_by_id, NEW.demoted_case,
     NEW.demoted_reason))
  EXECUTE FUNCTION projects_demotion_stands();

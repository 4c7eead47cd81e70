-- A bad-faith case is opened by an administrator, on two independent signals with their evidence.

-- From which measurement a signal comes: the table SIGNAL_SOURCES of enums.py.
CREATE FUNCTION cases_signal_source(kind text) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = public, pg_temp AS $$
  SELECT CASE kind
    WHEN 'answer_time' THEN 'clock'
    WHEN 'gold_accuracy' THEN 'known answers'
    WHEN 'agreement' THEN 'other people''s answers'
    WHEN 'near_duplicate' THEN 'other people''s answers'
    WHEN 'straight_lining' THEN 'own answers'
    WHEN 'outside_report' THEN 'outside'
  END
$$;

-- Every signal is of a published kind, stands there once and has evidence; two sources at least.
CREATE FUNCTION cases_signals_suffice(signals jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path = public, pg_temp AS $$
  SELECT jsonb_typeof(signals) = 'array' AND coalesce((
    SELECT count(DISTINCT cases_signal_source(s ->> 'kind')) >= 2
      AND count(*) = count(DISTINCT s ->> 'kind')
      AND bool_and(cases_signal_source(s ->> 'kind') IS NOT NULL)
      AND bool_and(coalesce(btrim(s ->> 'evidence'), '') <> '')
    FROM jsonb_array_elements(CASE jsonb_typeof(signals) WHEN 'array' THEN signals
                              ELSE '[]'::jsonb END) AS s), false)
$$;

ALTER TABLE cases_case ADD CONSTRAINT case_bad_faith_two_signals
  CHECK (kind <> 'bad_faith' OR cases_signals_suffice(signals));

-- Never by the buyer, nor by a task: a person of the platform's staff.
CREATE POLICY case_bad_faith_by_staff ON cases_case AS RESTRICTIVE FOR INSERT
  WITH CHECK (kind <> 'bad_faith'
    OR ((SELECT app_is_staff()) AND opened_by_id = (SELECT app_user_id())));

-- What somebody is accused of does not change while they answer it.
CREATE FUNCTION cases_accusation_stands() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the grounds of a case do not change' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER case_bad_faith_grounds BEFORE UPDATE ON cases_case FOR EACH ROW
  WHEN ((OLD.kind = 'bad_faith' OR NEW.kind = 'bad_faith') AND
    (OLD.kind, OLD.assignment_id, OLD.contributor_id, OLD.opened_by_id, OLD.opened_at, OLD.reason,
     OLD.criterion, OLD.signals, OLD.due_at)
    IS DISTINCT FROM
    (NEW.kind, NEW.assignment_id, NEW.contributor_id, NEW.opened_by_id, NEW.opened_at, NEW.reason,
     NEW.criterion, NEW.signals, NEW.due_at))
  EXECUTE FUNCTION cases_accusation_stands();

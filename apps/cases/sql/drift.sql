-- One more signal: quality that falls over time, measured against the person's own past.
CREATE OR REPLACE FUNCTION cases_signal_source(kind text) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = public, pg_temp AS $$
  SELECT CASE kind
    WHEN 'answer_time' THEN 'clock'
    WHEN 'gold_accuracy' THEN 'known answers'
    WHEN 'agreement' THEN 'other people''s answers'
    WHEN 'near_duplicate' THEN 'other people''s answers'
    WHEN 'straight_lining' THEN 'own answers'
    WHEN 'drift' THEN 'own past'
    WHEN 'outside_report' THEN 'outside'
  END
$$;

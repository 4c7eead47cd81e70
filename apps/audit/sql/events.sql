ALTER TABLE audit_auditevent
  ALTER COLUMN xact SET DEFAULT pg_current_xact_id()::text::bigint;

-- Appends events. The caller holds the aggregate's row lock; two writers that do not would collide
-- on (aggregate_id, number) and one of them would fail, never fork the chain.
CREATE FUNCTION audit_record(events jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  e jsonb;
  head audit_auditevent%ROWTYPE;
  body text;
BEGIN
  FOR e IN SELECT * FROM jsonb_array_elements(events) LOOP
    SELECT * INTO head FROM audit_auditevent
      WHERE aggregate_id = (e->>'aggregate_id')::uuid ORDER BY number DESC LIMIT 1;
    body := coalesce(head.hash, '') || '|' || (e->>'aggregate_type') || '|' || (e->>'aggregate_id')
      || '|' || (coalesce(head.number, 0) + 1)::text || '|' || (e->>'type') || '|'
      || (e->>'actor_kind') || '|' || coalesce(e->>'actor_id', '') || '|'
      || coalesce(e->>'org_id', '') || '|' || (e->'data')::text || '|' || (e->>'at');
    INSERT INTO audit_auditevent (aggregate_type, aggregate_id, number, type, actor_kind, actor_id,
        org_id, data, at, previous_hash, hash)
      VALUES (e->>'aggregate_type', (e->>'aggregate_id')::uuid, coalesce(head.number, 0) + 1,
        e->>'type', e->>'actor_kind', (e->>'actor_id')::uuid, (e->>'org_id')::uuid, e->'data',
        (e->>'at')::timestamptz, coalesce(head.hash, ''),
        encode(sha256(convert_to(body, 'UTF8')), 'hex'));
  END LOOP;
END $$;

-- Seals everything since the last seal into the global chain; returns how many events it took.
CREATE FUNCTION audit_seal() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  last audit_chainseal%ROWTYPE;
  taken integer;
  -- What is committed now; events of transactions that still run wait for the next seal.
  seen pg_snapshot := pg_current_snapshot();
  before pg_snapshot;
  digest text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('audit.seal', 0));
  SELECT * INTO last FROM audit_chainseal ORDER BY id DESC LIMIT 1;
  before := coalesce(last.snapshot, '1:1:')::pg_snapshot;
  SELECT count(*), encode(sha256(convert_to(coalesce(last.hash, '') ||
      coalesce(string_agg(hash, ',' ORDER BY id), ''), 'UTF8')), 'hex')
    INTO taken, digest
    FROM audit_auditevent
    WHERE xact >= pg_snapshot_xmin(before)::text::bigint
      AND pg_visible_in_snapshot(xact::text::xid8, seen)
      AND NOT pg_visible_in_snapshot(xact::text::xid8, before);
  IF taken = 0 THEN RETURN 0; END IF;
  INSERT INTO audit_chainseal (snapshot, events, previous_hash, hash)
    VALUES (seen::text, taken, coalesce(last.hash, ''), digest);
  RETURN taken;
END $$;

CREATE TRIGGER audit_event_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_auditevent
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_seal_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chainseal
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON audit_auditevent, audit_chainseal FROM $APP;

ALTER TABLE audit_auditevent ENABLE ROW LEVEL SECURITY;
CREATE POLICY audit_event_read ON audit_auditevent FOR SELECT
  USING (app_is_staff() OR org_id = ANY (app_org_ids()));

-- The ledger's writer. Runs as the ledger's owner; the application may only call it.
CREATE SEQUENCE ledger_transfer_number OWNED BY ledger_transfer.number;
ALTER TABLE ledger_transfer ALTER COLUMN number SET DEFAULT nextval('ledger_transfer_number');

-- The account of this name, opened when it is first needed. The guard follows from the purpose.
CREATE FUNCTION ledger_account_id(a_purpose text, a_holder uuid, a_scope uuid, a_currency text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE found bigint;
BEGIN
  SELECT id INTO found FROM ledger_account
    WHERE purpose = a_purpose AND currency = a_currency
      AND holder_id IS NOT DISTINCT FROM a_holder AND scope_id IS NOT DISTINCT FROM a_scope;
  IF found IS NULL THEN
    INSERT INTO ledger_account (purpose, holder_id, scope_id, currency, is_guarded,
        debits_posted, debits_pending, credits_posted, credits_pending)
      VALUES (a_purpose, a_holder, a_scope, a_currency,
        a_purpose IN ('wallet', 'held', 'payable'), 0, 0, 0, 0)
      ON CONFLICT DO NOTHING RETURNING id INTO found;
    IF found IS NULL THEN
      SELECT id INTO found FROM ledger_account
        WHERE purpose = a_purpose AND currency = a_currency
          AND holder_id IS NOT DISTINCT FROM a_holder AND scope_id IS NOT DISTINCT FROM a_scope;
    END IF;
  END IF;
  RETURN found;
END $$;

-- Posts a batch, whole or not at all. Each element:
--   {id, kind, debit, credit, amount, currency, code, pending, reverses, scope, subject, at}
-- A post or void names its pending transfer and takes accounts and currency from it; a post of
-- less than the pending amount returns the rest. Returns how many transfers were new.
CREATE TYPE ledger_entry AS (ord bigint, id uuid, kind text, debit bigint, credit bigint,
  amount bigint, currency text, code text, pending uuid, reverses uuid, scope uuid, subject uuid,
  at timestamptz, request_hash text, pending_amount bigint);

CREATE FUNCTION ledger_post(batch jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  todo ledger_entry[];
  bad text;
BEGIN
  -- Fresh entries, with accounts, currency and amount of the pending transfer they resolve.
  SELECT array_agg((e.ord, (e.v->>'id')::uuid, e.v->>'kind',
      coalesce(p.debit_id, (e.v->>'debit')::bigint), coalesce(p.credit_id, (e.v->>'credit')::bigint),
      CASE WHEN e.v->>'kind' = 'void' THEN 0 ELSE coalesce((e.v->>'amount')::bigint, p.amount) END,
      coalesce(p.currency, e.v->>'currency'), e.v->>'code', (e.v->>'pending')::uuid,
      (e.v->>'reverses')::uuid, coalesce((e.v->>'scope')::uuid, p.scope_id),
      coalesce((e.v->>'subject')::uuid, p.subject_id), (e.v->>'at')::timestamptz,
      encode(sha256(convert_to((e.v - 'at')::text, 'UTF8')), 'hex'), p.amount)::ledger_entry
      ORDER BY e.ord)
    INTO todo
    FROM jsonb_array_elements(batch) WITH ORDINALITY AS e(v, ord)
    LEFT JOIN ledger_transfer p ON p.id = (e.v->>'pending')::uuid AND p.kind = 'pending';

  -- The same id again: nothing to do if it says the same, an error if it does not.
  SELECT b.id::text INTO bad FROM unnest(todo) b JOIN ledger_transfer t USING (id)
    WHERE t.request_hash <> b.request_hash LIMIT 1;
  IF bad IS NOT NULL THEN
    RAISE EXCEPTION 'ledger: id % was used for another transfer', bad USING ERRCODE = 'WL001';
  END IF;
  SELECT array_agg(b ORDER BY b.ord) INTO todo FROM unnest(todo) b
    WHERE NOT EXISTS (SELECT 1 FROM ledger_transfer t WHERE t.id = b.id);
  IF todo IS NULL THEN RETURN 0; END IF;

  SELECT b.id::text INTO bad FROM unnest(todo) b
    LEFT JOIN ledger_account d ON d.id = b.debit LEFT JOIN ledger_account c ON c.id = b.credit
    WHERE (b.kind IN ('post', 'void') AND (b.pending_amount IS NULL OR b.amount > b.pending_amount))
       OR d.currency IS DISTINCT FROM b.currency OR c.currency IS DISTINCT FROM b.currency
       OR b.amount IS NULL
    LIMIT 1;
  IF bad IS NOT NULL THEN
    RAISE EXCEPTION 'ledger: entry % names no pending transfer, more than its amount, or accounts '
      'of another currency', bad USING ERRCODE = 'WL003';
  END IF;

  -- Guarded accounts are locked in the order of their ids, so that two batches cannot deadlock.
  PERFORM 1 FROM ledger_account a
    WHERE a.is_guarded
      AND a.id IN (SELECT b.debit FROM unnest(todo) b UNION SELECT b.credit FROM unnest(todo) b)
    ORDER BY a.id FOR UPDATE;

  BEGIN
    INSERT INTO ledger_transfer (id, kind, debit_id, credit_id, amount, currency, code, pending_id,
        reverses_id, scope_id, subject_id, request_hash, at)
      SELECT b.id, b.kind, b.debit, b.credit, b.amount, b.currency, b.code, b.pending, b.reverses,
        b.scope, b.subject, b.request_hash, b.at FROM unnest(todo) b ORDER BY b.ord;
  EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'ledger: already resolved or written by another transaction'
      USING ERRCODE = 'WL002';
  END;

  BEGIN
    UPDATE ledger_account a SET
        debits_posted = a.debits_posted + m.debits_posted,
        debits_pending = a.debits_pending + m.debits_pending,
        credits_posted = a.credits_posted + m.credits_posted,
        credits_pending = a.credits_pending + m.credits_pending
      FROM (
        SELECT legs.account,
          coalesce(sum(legs.posted) FILTER (WHERE legs.side = 'D'), 0) AS debits_posted,
          coalesce(sum(legs.held) FILTER (WHERE legs.side = 'D'), 0) AS debits_pending,
          coalesce(sum(legs.posted) FILTER (WHERE legs.side = 'C'), 0) AS credits_posted,
          coalesce(sum(legs.held) FILTER (WHERE legs.side = 'C'), 0) AS credits_pending
        FROM (
          SELECT s.account, s.side,
            CASE WHEN b.kind IN ('posted', 'post') THEN b.amount ELSE 0 END AS posted,
            CASE b.kind WHEN 'pending' THEN b.amount
                        WHEN 'post' THEN -b.pending_amount
                        WHEN 'void' THEN -b.pending_amount ELSE 0 END AS held
          FROM unnest(todo) b
          CROSS JOIN LATERAL (VALUES (b.debit, 'D'), (b.credit, 'C')) AS s(account, side)
        ) legs GROUP BY legs.account
      ) m
      WHERE a.id = m.account AND a.is_guarded;
  EXCEPTION WHEN check_violation THEN
    RAISE EXCEPTION 'ledger: not enough money in the account' USING ERRCODE = 'WL004';
  END;
  RETURN array_length(todo, 1);
END $$;

CREATE TRIGGER ledger_transfer_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfer
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_account_stays BEFORE DELETE OR TRUNCATE ON ledger_account
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE ledger_account ENABLE ROW LEVEL SECURITY;
CREATE POLICY ledger_account_holder ON ledger_account FOR SELECT
  USING ((SELECT app_is_staff()) OR holder_id = ANY ((SELECT app_org_ids())::uuid[])
    OR holder_id = (SELECT app_user_id()));
ALTER TABLE ledger_transfer ENABLE ROW LEVEL SECURITY;
CREATE POLICY ledger_transfer_party ON ledger_transfer FOR SELECT
  USING ((SELECT app_is_staff()) OR EXISTS (SELECT 1 FROM ledger_account a
    WHERE a.id IN (debit_id, credit_id)
      AND (a.holder_id = ANY ((SELECT app_org_ids())::uuid[])
        OR a.holder_id = (SELECT app_user_id()))));

ALTER TABLE ledger_account OWNER TO $LEDGER_OWNER;
ALTER TABLE ledger_transfer OWNER TO $LEDGER_OWNER;
ALTER FUNCTION ledger_account_id(text, uuid, uuid, text) OWNER TO $LEDGER_OWNER;
ALTER FUNCTION ledger_post(jsonb) OWNER TO $LEDGER_OWNER;
REVOKE ALL ON ledger_account, ledger_transfer FROM $APP;
GRANT SELECT ON ledger_account, ledger_transfer TO $APP;
REVOKE ALL ON FUNCTION ledger_account_id(text, uuid, uuid, text), ledger_post(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_account_id(text, uuid, uuid, text), ledger_post(jsonb) TO $APP;

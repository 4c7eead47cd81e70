-- The account of this name, opened when it is first needed. IS NOT DISTINCT FROM uses no index, so
-- that a lookup read every account of its purpose; `=` and IS NULL do.
CREATE OR REPLACE FUNCTION ledger_find_account(a_purpose text, a_holder uuid, a_scope uuid,
  a_currency text)
RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
  IF a_holder IS NULL THEN
    RETURN (SELECT id FROM ledger_account WHERE purpose = a_purpose AND holder_id IS NULL
      AND scope_id IS NOT DISTINCT FROM a_scope AND currency = a_currency);
  ELSIF a_scope IS NULL THEN
    RETURN (SELECT id FROM ledger_account WHERE purpose = a_purpose AND holder_id = a_holder
      AND scope_id IS NULL AND currency = a_currency);
  END IF;
  RETURN (SELECT id FROM ledger_account WHERE purpose = a_purpose AND holder_id = a_holder
    AND scope_id = a_scope AND currency = a_currency);
END $$;

CREATE OR REPLACE FUNCTION ledger_account_id(a_purpose text, a_holder uuid, a_scope uuid, a_currency text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE found bigint;
BEGIN
  found := ledger_find_account(a_purpose, a_holder, a_scope, a_currency);
  IF found IS NULL THEN
    INSERT INTO ledger_account (purpose, holder_id, scope_id, currency, is_guarded,
        debits_posted, debits_pending, credits_posted, credits_pending)
      VALUES (a_purpose, a_holder, a_scope, a_currency,
        a_purpose IN ('wallet', 'held', 'seats', 'payable'), 0, 0, 0, 0)
      ON CONFLICT DO NOTHING RETURNING id INTO found;
    IF found IS NULL THEN
      found := ledger_find_account(a_purpose, a_holder, a_scope, a_currency);
    END IF;
  END IF;
  RETURN found;
END $$;
-- Kept plans go by index, also those made while there was next to no account.
ALTER FUNCTION ledger_find_account(text, uuid, uuid, text) SET enable_seqscan = off;
ALTER FUNCTION ledger_find_account(text, uuid, uuid, text) OWNER TO $LEDGER_OWNER;
REVOKE ALL ON FUNCTION ledger_find_account(text, uuid, uuid, text) FROM PUBLIC;

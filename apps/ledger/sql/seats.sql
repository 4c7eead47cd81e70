-- The account of this name, opened when it is first needed. The guard follows from the purpose; it
-- now holds for the money of qualification seats too (invariant 16).
CREATE OR REPLACE FUNCTION ledger_account_id(a_purpose text, a_holder uuid, a_scope uuid, a_currency text)
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
        a_purpose IN ('wallet', 'held', 'seats', 'payable'), 0, 0, 0, 0)
      ON CONFLICT DO NOTHING RETURNING id INTO found;
    IF found IS NULL THEN
      SELECT id INTO found FROM ledger_account
        WHERE purpose = a_purpose AND currency = a_currency
          AND holder_id IS NOT DISTINCT FROM a_holder AND scope_id IS NOT DISTINCT FROM a_scope;
    END IF;
  END IF;
  RETURN found;
END $$;

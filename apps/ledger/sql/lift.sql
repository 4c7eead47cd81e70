-- The guard of an account follows from its purpose; a project's lift pool and its money for computing
-- are guarded as its held funds are: neither can promise more than was put in.
CREATE OR REPLACE FUNCTION ledger_account_id(a_purpose text, a_holder uuid, a_scope uuid, a_currency text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE found bigint;
BEGIN
  found := ledger_find_account(a_purpose, a_holder, a_scope, a_currency);
  IF found IS NULL THEN
    INSERT INTO ledger_account (purpose, holder_id, scope_id, currency, is_guarded,
        debits_posted, debits_pending, credits_posted, credits_pending)
      VALUES (a_purpose, a_holder, a_scope, a_currency,
        a_purpose IN ('wallet', 'held', 'seats', 'lift', 'compute', 'payable'), 0, 0, 0, 0)
      ON CONFLICT DO NOTHING RETURNING id INTO found;
    IF found IS NULL THEN
      found := ledger_find_account(a_purpose, a_holder, a_scope, a_currency);
    END IF;
  END IF;
  RETURN found;
END $$;

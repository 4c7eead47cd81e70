-- One transfer, one commit: what this costs is mostly the setting up of statements and expressions,
-- which PostgreSQL does anew in each transaction. So one transfer has its own function, with values
-- instead of arrays, and what guards the rows is said in the cheapest way there is.

-- A check constraint is read from its text and planned again by each statement that writes to its
-- table (11 of the 75 microseconds of a posting, the two of an account another 5); a trigger's
-- function is kept by the session (2). They refuse the same rows, to the owner too, under the same
-- names and the same SQLSTATE.
CREATE FUNCTION ledger_refuse(broken text, in_table text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger: the new row of % breaks %', in_table, broken
    USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = in_table;
END $$;

CREATE FUNCTION ledger_account_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.is_guarded AND NEW.credits_posted < NEW.debits_posted + NEW.debits_pending THEN
    PERFORM public.ledger_refuse('ledger_account_not_overdrawn', TG_TABLE_NAME);
  ELSIF least(NEW.debits_posted, NEW.debits_pending, NEW.credits_posted, NEW.credits_pending) < 0 THEN
    PERFORM public.ledger_refuse('ledger_account_counters', TG_TABLE_NAME);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_account_guard BEFORE INSERT OR UPDATE ON ledger_account
  FOR EACH ROW EXECUTE FUNCTION ledger_account_guard();

CREATE FUNCTION ledger_transfer_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.kind = 'posted' AND NEW.amount > 0 AND NEW.pending_id IS NULL
      AND NEW.debit_id <> NEW.credit_id THEN
    RETURN NEW;
  ELSIF NEW.debit_id = NEW.credit_id THEN
    PERFORM public.ledger_refuse('ledger_transfer_two_accounts', TG_TABLE_NAME);
  ELSIF (NEW.kind IN ('posted', 'pending') AND NEW.pending_id IS NULL
      OR NEW.kind IN ('post', 'void', 'expire') AND NEW.pending_id IS NOT NULL) IS NOT TRUE THEN
    PERFORM public.ledger_refuse('ledger_transfer_resolves', TG_TABLE_NAME);
  ELSIF (NEW.amount > 0 OR NEW.amount = 0 AND NEW.kind IN ('void', 'expire')) IS FALSE THEN
    PERFORM public.ledger_refuse('ledger_transfer_amount', TG_TABLE_NAME);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_transfer_guard BEFORE INSERT ON ledger_transfer
  FOR EACH ROW EXECUTE FUNCTION ledger_transfer_guard();

-- As ledger_post (post.sql) for a batch of one; the same refusals in the same order.
CREATE FUNCTION ledger_post_one(a_id uuid, a_kind text, a_code text, an_at timestamptz,
  an_amount bigint, a_debit bigint, a_credit bigint, a_currency text, a_pending uuid,
  a_reversal uuid, a_scope uuid, a_subject uuid, an_expiry timestamptz)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  hold ledger_transfer;
  resolves boolean := false;
  posted bigint := an_amount;
  held bigint := 0;
  hash bytea;
  known bytea;
  debit_purpose text;
  debit_guarded boolean;
  credit_purpose text;
  credit_guarded boolean;
BEGIN
  IF a_kind = 'pending' THEN
    posted := 0;
    held := an_amount;
  ELSIF a_kind <> 'posted' THEN
    resolves := a_kind IN ('post', 'void', 'expire');
    IF resolves THEN
      SELECT * INTO hold FROM ledger_transfer WHERE id = a_pending AND kind = 'pending';
      IF hold.id IS NULL THEN
        RAISE EXCEPTION 'ledger: entry % names no pending transfer', a_id USING ERRCODE = 'WL003';
      END IF;
      a_debit := hold.debit_id;
      a_credit := hold.credit_id;
      a_currency := hold.currency;
      a_scope := coalesce(a_scope, hold.scope_id);
      a_subject := coalesce(a_subject, hold.subject_id);
      an_amount := CASE WHEN a_kind = 'post' THEN coalesce(an_amount, hold.amount) ELSE 0 END;
      posted := an_amount;
      held := -hold.amount;
    END IF;
  END IF;

  hash := ledger_request_hash(a_kind, a_debit, a_credit, an_amount, a_currency, a_code, a_pending,
    a_reversal, a_scope, a_subject, an_expiry);
  SELECT (SELECT t.request_hash FROM ledger_transfer t WHERE t.id = a_id),
      d.purpose, d.is_guarded, c.purpose, c.is_guarded
    INTO known, debit_purpose, debit_guarded, credit_purpose, credit_guarded
    FROM ledger_account d, ledger_account c
    WHERE d.id = a_debit AND d.currency = a_currency AND c.id = a_credit AND c.currency = a_currency;
  IF NOT FOUND THEN
    SELECT request_hash INTO known FROM ledger_transfer WHERE id = a_id;
  END IF;
  -- The same id again: nothing to do if it says the same, an error if it does not.
  IF known IS NOT NULL THEN
    IF known IS DISTINCT FROM hash THEN
      RAISE EXCEPTION 'ledger: id % was used for another transfer', a_id USING ERRCODE = 'WL001';
    END IF;
    RETURN 0;
  END IF;

  IF hash IS NULL OR NOT resolves AND an_amount <= 0
      OR an_expiry IS NOT NULL AND (a_kind <> 'pending' OR an_expiry <= an_at) THEN
    RAISE EXCEPTION 'ledger: entry % lacks a part, or has one that its kind does not have', a_id
      USING ERRCODE = 'WL003';
  END IF;
  IF resolves THEN
    IF an_amount > hold.amount THEN
      RAISE EXCEPTION 'ledger: entry % posts more than is pending', a_id USING ERRCODE = 'WL003';
    ELSIF a_kind = 'post' AND an_at >= hold.expires_at
        OR a_kind = 'expire' AND (an_at < hold.expires_at) IS NOT FALSE THEN
      RAISE EXCEPTION 'ledger: entry % posts after the deadline, or expires before it', a_id
        USING ERRCODE = 'WL006';
    END IF;
  END IF;
  IF debit_purpose IS NULL OR credit_purpose IS NULL THEN
    RAISE EXCEPTION 'ledger: there are no accounts % and % of %', a_debit, a_credit, a_currency
      USING ERRCODE = 'WL003';
  END IF;

  -- What a guarded account is never changes, so it was read without a lock; from here on it is locked.
  -- In the order of the ids, so that two writers cannot deadlock, and before the transfer gets its
  -- number, so that those of a guarded account are numbered in its own order.
  IF credit_guarded AND a_credit < a_debit THEN
    UPDATE ledger_account SET credits_posted = credits_posted + posted,
      credits_pending = credits_pending + held WHERE id = a_credit;
  END IF;
  IF debit_guarded THEN
    UPDATE ledger_account SET debits_posted = debits_posted + posted,
      debits_pending = debits_pending + held WHERE id = a_debit;
  END IF;
  IF credit_guarded AND a_credit >= a_debit THEN
    UPDATE ledger_account SET credits_posted = credits_posted + posted,
      credits_pending = credits_pending + held WHERE id = a_credit;
  END IF;
  -- Earned money leaves a contributor's account towards the bank and nowhere else.
  IF debit_purpose = 'payable' AND credit_purpose <> 'stripe' THEN
    RAISE EXCEPTION 'ledger: earned money leaves towards its owner''s bank only'
      USING ERRCODE = 'WL005', CONSTRAINT = 'ledger_earned_money_stays', TABLE = 'ledger_transfer';
  END IF;

  INSERT INTO ledger_transfer (id, kind, debit_id, credit_id, amount, currency, code, pending_id,
      reverses_id, scope_id, subject_id, request_hash, expires_at, at)
    VALUES (a_id, a_kind, a_debit, a_credit, an_amount, a_currency, a_code, a_pending, a_reversal,
      a_scope, a_subject, hash, an_expiry, an_at);
  IF a_reversal IS NOT NULL THEN
    PERFORM ledger_check_reversals(ARRAY[a_id], ARRAY[a_reversal]);
  END IF;
  RETURN 1;
END $$;

ALTER FUNCTION ledger_refuse OWNER TO $LEDGER_OWNER;
ALTER FUNCTION ledger_account_guard OWNER TO $LEDGER_OWNER;
ALTER FUNCTION ledger_transfer_guard OWNER TO $LEDGER_OWNER;
ALTER FUNCTION ledger_post_one OWNER TO $LEDGER_OWNER;
REVOKE ALL ON FUNCTION ledger_refuse, ledger_account_guard, ledger_transfer_guard, ledger_post_one
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_post_one TO $APP;

-- The ledger's writer, again: typed arrays instead of JSON, and as few statements as there can be.
-- To set a statement up costs more here than to run it, so one transfer is three of them: two updates
-- (of the guarded accounts) and one insert.
DROP TRIGGER ledger_earned_money_stays ON ledger_transfer;
DROP FUNCTION ledger_earned_stays();
DROP FUNCTION ledger_post(jsonb);
DROP TYPE ledger_entry;

-- Counters change in place as often as money moves; half of each page is kept free for that.
ALTER TABLE ledger_account SET (fillfactor = 50);
-- What names an account, and whether it is guarded, never changes. This fires for statements that
-- name these columns, so not for the writer's. Together with the refusal to remove an account it is
-- what a foreign key would say, which would lock the row of a fee account at each transfer.
CREATE TRIGGER ledger_account_keeps_its_name BEFORE UPDATE OF
    id, purpose, holder_id, scope_id, currency, is_guarded, opened_at ON ledger_account
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The currencies of ISO 4217, as `core/money.py` has them. A trigger, because a constraint would be
-- read again at each change of a counter.
CREATE FUNCTION ledger_refuse_currency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger: % is no currency of ISO 4217', NEW.currency
    USING ERRCODE = 'WL003', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER ledger_account_iso_currency BEFORE INSERT ON ledger_account FOR EACH ROW
  WHEN (NEW.currency NOT IN (
    'AED', 'AFN', 'ALL', 'AMD', 'AOA', 'ARS', 'AUD', 'AWG', 'AZN', 'BAM', 'BBD', 'BDT', 'BHD',
    'BIF', 'BMD', 'BND', 'BOB', 'BRL', 'BSD', 'BTN', 'BWP', 'BYN', 'BZD', 'CAD', 'CDF', 'CHF',
    'CLP', 'CNY', 'COP', 'CRC', 'CUP', 'CVE', 'CZK', 'DJF', 'DKK', 'DOP', 'DZD', 'EGP', 'ERN',
    'ETB', 'EUR', 'FJD', 'FKP', 'GBP', 'GEL', 'GHS', 'GIP', 'GMD', 'GNF', 'GTQ', 'GYD', 'HKD',
    'HNL', 'HTG', 'HUF', 'IDR', 'ILS', 'INR', 'IQD', 'IRR', 'ISK', 'JMD', 'JOD', 'JPY', 'KES',
    'KGS', 'KHR', 'KMF', 'KPW', 'KRW', 'KWD', 'KYD', 'KZT', 'LAK', 'LBP', 'LKR', 'LRD', 'LSL',
    'LYD', 'MAD', 'MDL', 'MGA', 'MKD', 'MMK', 'MNT', 'MOP', 'MRU', 'MUR', 'MVR', 'MWK', 'MXN',
    'MYR', 'MZN', 'NAD', 'NGN', 'NIO', 'NOK', 'NPR', 'NZD', 'OMR', 'PAB', 'PEN', 'PGK', 'PHP',
    'PKR', 'PLN', 'PYG', 'QAR', 'RON', 'RSD', 'RUB', 'RWF', 'SAR', 'SBD', 'SCR', 'SDG', 'SEK',
    'SGD', 'SHP', 'SLE', 'SOS', 'SRD', 'SSP', 'STN', 'SVC', 'SYP', 'SZL', 'THB', 'TJS', 'TMT',
    'TND', 'TOP', 'TRY', 'TTD', 'TWD', 'TZS', 'UAH', 'UGX', 'USD', 'UYU', 'UZS', 'VED', 'VES',
    'VND', 'VUV', 'WST', 'XAF', 'XCD', 'XCG', 'XOF', 'XPF', 'YER', 'ZAR', 'ZMW', 'ZWG'
  )) EXECUTE FUNCTION ledger_refuse_currency();

-- What a transfer says, as bytes that no other content has: fixed widths, and the code last. `at` is
-- not part of it; the same step said again later is the same step.
CREATE FUNCTION ledger_request_hash(kind text, debit bigint, credit bigint, amount bigint,
  currency text, code text, pending uuid, reverses uuid, scope uuid, subject uuid,
  expires_at timestamptz)
RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT sha256(int8send(debit) || int8send(credit) || int8send(amount)
    || coalesce('\x01' || uuid_send(pending), '\x00') || coalesce('\x01' || uuid_send(reverses), '\x00')
    || coalesce('\x01' || uuid_send(scope), '\x00') || coalesce('\x01' || uuid_send(subject), '\x00')
    || coalesce('\x01' || timestamptz_send(expires_at), '\x00')
    || convert_to(currency || rpad(kind, 7) || code, 'UTF8'))
$$;
-- A new type writes the rows anew without an UPDATE, so no trigger has to be switched off for it.
ALTER TABLE ledger_transfer ALTER COLUMN request_hash TYPE bytea USING ledger_request_hash(kind,
  debit_id, credit_id, amount, currency, code, pending_id, reverses_id, scope_id, subject_id,
  expires_at);

-- Adds to the counters of an account if it is guarded: from here on it is locked. Gives its purpose.
CREATE FUNCTION ledger_count(account bigint, a_currency text, debit_posted bigint,
  debit_held bigint, credit_posted bigint, credit_held bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE found_purpose text;
BEGIN
  UPDATE ledger_account SET debits_posted = debits_posted + debit_posted,
      debits_pending = debits_pending + debit_held,
      credits_posted = credits_posted + credit_posted,
      credits_pending = credits_pending + credit_held
    WHERE id = account AND currency = a_currency AND is_guarded
    RETURNING purpose INTO found_purpose;
  IF found_purpose IS NULL THEN
    SELECT purpose INTO found_purpose FROM ledger_account
      WHERE id = account AND currency = a_currency AND NOT is_guarded;
    IF found_purpose IS NULL THEN
      RAISE EXCEPTION 'ledger: there is no account % of %', account, a_currency
        USING ERRCODE = 'WL003';
    END IF;
  END IF;
  RETURN found_purpose;
END $$;

-- A reversing transfer takes back what an earlier one moved, the same way back, at most all of it.
-- Locks what is reversed, so that two at once cannot take back more.
CREATE FUNCTION ledger_check_reversals(ids uuid[], reversals uuid[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE bad uuid;
BEGIN
  PERFORM 1 FROM ledger_transfer WHERE id = ANY (reversals) ORDER BY id FOR UPDATE;
  SELECT t.id INTO bad FROM ledger_transfer t
    LEFT JOIN ledger_transfer r ON r.id = t.reverses_id AND r.kind IN ('posted', 'post')
      AND r.debit_id = t.credit_id AND r.credit_id = t.debit_id AND r.number < t.number
    WHERE t.id = ANY (ids) AND t.reverses_id IS NOT NULL AND (r.id IS NULL OR t.kind <> 'posted'
      OR r.amount < (SELECT sum(o.amount) FROM ledger_transfer o WHERE o.reverses_id = r.id))
    LIMIT 1;
  IF bad IS NOT NULL THEN
    RAISE EXCEPTION 'ledger: entry % does not take back what it says it reverses', bad
      USING ERRCODE = 'WL007', CONSTRAINT = 'ledger_reversal', TABLE = 'ledger_transfer';
  END IF;
END $$;

-- Posts a batch, whole or not at all; one array for each column, one element for each transfer. A
-- post, void or expiry names its pending transfer and takes accounts and currency from it; a post of
-- less than the pending amount returns the rest. A batch cannot resolve what it writes itself.
-- Returns how many transfers were new.
CREATE FUNCTION ledger_post(ids uuid[], kinds text[], codes text[], ats timestamptz[],
  amounts bigint[], debits bigint[], credits bigint[], currencies text[], pendings uuid[],
  reversals uuid[], scopes uuid[], subjects uuid[], expiries timestamptz[])
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
-- A session keeps its plans. By index, also if they are made while the ledger is so small that reading
-- all of it looks cheap; and once, not anew for each length of a batch.
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  n integer := cardinality(ids);
  hold ledger_transfer;
  resolves boolean;
  known bytea;
  hashes bytea[];
  posted bigint[];
  held bigint[];
  is_new boolean[];
  found integer := 0;
  leg record;
  purpose text;
  takes_earned boolean := false;
BEGIN
  FOR i IN 1 .. n LOOP
    resolves := kinds[i] IN ('post', 'void', 'expire');
    posted[i] := amounts[i];
    held[i] := 0;
    IF kinds[i] = 'pending' THEN
      posted[i] := 0;
      held[i] := amounts[i];
    ELSIF resolves THEN
      SELECT * INTO hold FROM ledger_transfer WHERE id = pendings[i] AND kind = 'pending';
      IF hold.id IS NULL THEN
        RAISE EXCEPTION 'ledger: entry % names no pending transfer', ids[i] USING ERRCODE = 'WL003';
      END IF;
      debits[i] := hold.debit_id;
      credits[i] := hold.credit_id;
      currencies[i] := hold.currency;
      scopes[i] := coalesce(scopes[i], hold.scope_id);
      subjects[i] := coalesce(subjects[i], hold.subject_id);
      amounts[i] := CASE WHEN kinds[i] = 'post' THEN coalesce(amounts[i], hold.amount) ELSE 0 END;
      posted[i] := amounts[i];
      held[i] := -hold.amount;
    END IF;

    -- The same id again: nothing to do if it says the same, an error if it does not.
    hashes[i] := ledger_request_hash(kinds[i], debits[i], credits[i], amounts[i], currencies[i],
      codes[i], pendings[i], reversals[i], scopes[i], subjects[i], expiries[i]);
    SELECT request_hash INTO known FROM ledger_transfer WHERE id = ids[i];
    is_new[i] := known IS NULL;
    IF known <> hashes[i] OR hashes[i] IS NULL AND known IS NOT NULL THEN
      RAISE EXCEPTION 'ledger: id % was used for another transfer', ids[i] USING ERRCODE = 'WL001';
    END IF;
    CONTINUE WHEN NOT is_new[i];
    found := found + 1;

    IF hashes[i] IS NULL OR (NOT resolves AND amounts[i] <= 0)
        OR (expiries[i] IS NOT NULL AND (kinds[i] <> 'pending' OR expiries[i] <= ats[i])) THEN
      RAISE EXCEPTION 'ledger: entry % lacks a part, or has one that its kind does not have', ids[i]
        USING ERRCODE = 'WL003';
    ELSIF resolves AND amounts[i] > hold.amount THEN
      RAISE EXCEPTION 'ledger: entry % posts more than is pending', ids[i] USING ERRCODE = 'WL003';
    ELSIF (kinds[i] = 'post' AND ats[i] >= hold.expires_at)
        OR (kinds[i] = 'expire' AND (ats[i] < hold.expires_at) IS NOT FALSE) THEN
      RAISE EXCEPTION 'ledger: entry % posts after the deadline, or expires before it', ids[i]
        USING ERRCODE = 'WL006';
    END IF;
  END LOOP;
  IF found = 0 THEN RETURN 0; END IF;

  -- Always in the order of the accounts' ids, so that two batches cannot deadlock; and before the
  -- transfers get their numbers, so that those of a guarded account are numbered in its own order.
  IF n > 1 THEN
    FOR leg IN
      SELECT s.account, s.currency, sum(s.dp)::bigint AS dp, sum(s.dh)::bigint AS dh,
        sum(s.cp)::bigint AS cp, sum(s.ch)::bigint AS ch
      FROM generate_series(1, n) AS i CROSS JOIN LATERAL (VALUES
        (debits[i], currencies[i], posted[i], held[i], 0, 0),
        (credits[i], currencies[i], 0, 0, posted[i], held[i])
      ) AS s(account, currency, dp, dh, cp, ch)
      WHERE is_new[i] GROUP BY s.account, s.currency ORDER BY s.account
    LOOP
      purpose := ledger_count(leg.account, leg.currency, leg.dp, leg.dh, leg.cp, leg.ch);
      takes_earned := takes_earned OR (purpose = 'payable' AND (leg.dp <> 0 OR leg.dh <> 0));
    END LOOP;
  ELSIF debits[1] < credits[1] THEN
    takes_earned := ledger_count(debits[1], currencies[1], posted[1], held[1], 0, 0) = 'payable';
    purpose := ledger_count(credits[1], currencies[1], 0, 0, posted[1], held[1]);
  ELSE
    purpose := ledger_count(credits[1], currencies[1], 0, 0, posted[1], held[1]);
    takes_earned := ledger_count(debits[1], currencies[1], posted[1], held[1], 0, 0) = 'payable';
  END IF;

  -- Earned money leaves a contributor's account towards the bank and nowhere else, whoever posts it
  -- and whatever became of the contributor.
  IF takes_earned AND EXISTS (
      SELECT 1 FROM generate_series(1, n) AS i
        JOIN ledger_account d ON d.id = debits[i] JOIN ledger_account c ON c.id = credits[i]
        WHERE is_new[i] AND d.purpose = 'payable' AND c.purpose <> 'stripe') THEN
    RAISE EXCEPTION 'ledger: earned money leaves towards its owner''s bank only'
      USING ERRCODE = 'WL005', CONSTRAINT = 'ledger_earned_money_stays', TABLE = 'ledger_transfer';
  END IF;

  INSERT INTO ledger_transfer (id, kind, debit_id, credit_id, amount, currency, code, pending_id,
      reverses_id, scope_id, subject_id, request_hash, expires_at, at)
    SELECT ids[i], kinds[i], debits[i], credits[i], amounts[i], currencies[i], codes[i],
      pendings[i], reversals[i], scopes[i], subjects[i], hashes[i], expiries[i], ats[i]
    FROM generate_series(1, n) AS i WHERE is_new[i] ORDER BY i;
  IF array_remove(reversals, NULL) <> '{}' THEN
    PERFORM ledger_check_reversals(ids, reversals);
  END IF;
  RETURN found;
END $$;

ALTER FUNCTION ledger_request_hash OWNER TO $LEDGER_OWNER;
ALTER FUNCTION ledger_count OWNER TO $LEDGER_OWNER;
ALTER FUNCTION ledger_check_reversals OWNER TO $LEDGER_OWNER;
ALTER FUNCTION ledger_post OWNER TO $LEDGER_OWNER;
REVOKE ALL ON FUNCTION ledger_request_hash, ledger_count, ledger_check_reversals, ledger_post
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_post, ledger_request_hash TO $APP;

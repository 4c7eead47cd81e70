-- What the ledger's writer stands on: typed arrays instead of JSON. The writer itself is in post.sql.
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

ALTER FUNCTION ledger_request_hash OWNER TO $LEDGER_OWNER;
ALTER FUNCTION ledger_count OWNER TO $LEDGER_OWNER;
ALTER FUNCTION ledger_check_reversals OWNER TO $LEDGER_OWNER;
REVOKE ALL ON FUNCTION ledger_request_hash, ledger_count, ledger_check_reversals FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_request_hash TO $APP;

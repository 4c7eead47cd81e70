-- Posts a batch, whole or not at all; one array for each column, one element for each transfer. A
-- post, void or expiry names its pending transfer and takes accounts and currency from it; a post of
-- less than the pending amount returns the rest. A batch cannot resolve what it writes itself.
-- Returns how many transfers were new. One transfer alone is posted by ledger_post_one (single.sql),
-- under the same rules.
CREATE OR REPLACE FUNCTION ledger_post(ids uuid[], kinds text[], codes text[], ats timestamptz[],
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
  IF n = 1 THEN
    RETURN ledger_post_one(ids[1], kinds[1], codes[1], ats[1], amounts[1], debits[1], credits[1],
      currencies[1], pendings[1], reversals[1], scopes[1], subjects[1], expiries[1]);
  END IF;

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
  FOR leg IN
    SELECT s.account, s.currency, sum(s.dp)::bigint AS dp, sum(s.dh)::bigint AS dh,
      sum(s.cp)::bigint AS cp, sum(s.ch)::bigint AS ch
    -- A loop gets its arrays as one piece of text, in which the element i is found by reading
    -- all before it: so not by number, which would take n * n steps.
    FROM unnest(debits, credits, currencies, posted, held, is_new)
        AS t(debit, credit, currency, posted, held, is_new)
      CROSS JOIN LATERAL (VALUES
        (t.debit, t.currency, t.posted, t.held, 0, 0),
        (t.credit, t.currency, 0, 0, t.posted, t.held)
      ) AS s(account, currency, dp, dh, cp, ch)
    WHERE t.is_new GROUP BY s.account, s.currency ORDER BY s.account
  LOOP
    purpose := ledger_count(leg.account, leg.currency, leg.dp, leg.dh, leg.cp, leg.ch);
    takes_earned := takes_earned OR (purpose = 'payable' AND (leg.dp <> 0 OR leg.dh <> 0));
  END LOOP;

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

ALTER FUNCTION ledger_post OWNER TO $LEDGER_OWNER;
REVOKE ALL ON FUNCTION ledger_post FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_post TO $APP;

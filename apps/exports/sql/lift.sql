-- As before, with what lift bonuses and their computing cost: money of accounts of their own.
DROP FUNCTION exports_charged(uuid, timestamptz);
CREATE FUNCTION exports_charged(an_org uuid, until timestamptz)
RETURNS TABLE (project_id uuid, currency text, pay bigint, fee bigint, compute bigint, as_of bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH own AS (SELECT a.id FROM ledger_account a
    WHERE a.holder_id = an_org AND a.purpose IN ('wallet', 'held', 'seats', 'lift', 'compute')
      AND (app_is_staff() OR an_org = ANY (app_org_ids())))
  SELECT t.scope_id, t.currency::text,
    coalesce(sum(t.sign * t.amount) FILTER (WHERE b.purpose = 'payable'), 0)::bigint,
    coalesce(sum(t.sign * t.amount) FILTER (WHERE b.purpose = 'fees'), 0)::bigint,
    coalesce(sum(t.sign * t.amount) FILTER (WHERE b.purpose = 'metered'), 0)::bigint,
    max(t.number)
  FROM (
    SELECT scope_id, ledger_transfer.currency, amount, 1 AS sign, number, credit_id AS other, at,
      kind FROM ledger_transfer JOIN own ON own.id = debit_id
    UNION ALL
    SELECT scope_id, ledger_transfer.currency, amount, -1, number, debit_id, at,
      kind FROM ledger_transfer JOIN own ON own.id = credit_id
  ) t JOIN ledger_account b ON b.id = t.other
  WHERE t.kind IN ('posted', 'post') AND t.at < until
    AND b.purpose IN ('payable', 'fees', 'metered')
  GROUP BY t.scope_id, t.currency
$$;

CREATE OR REPLACE FUNCTION exports_charged_organizations(until timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.id FROM organizations_organization o WHERE app_kind() = 'system'
    AND EXISTS (SELECT 1 FROM ledger_transfer t JOIN ledger_account a ON a.id = t.debit_id
      WHERE a.holder_id = o.id AND a.purpose IN ('wallet', 'held', 'seats', 'lift', 'compute')
        AND t.kind IN ('posted', 'post') AND t.at < until)
$$;

CREATE OR REPLACE FUNCTION exports_paid_from(a_transfer uuid)
RETURNS TABLE (debit text, credit text, before bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT d.purpose::text, c.purpose::text,
    coalesce((SELECT sum(o.amount) FROM ledger_transfer o
      WHERE o.debit_id = t.debit_id AND o.number < t.number AND o.kind IN ('posted', 'post')
        AND d.is_guarded AND o.code NOT IN
          ('return_unspent', 'return_seats', 'return_lift', 'return_compute')), 0)::bigint
  FROM ledger_transfer t JOIN ledger_account d ON d.id = t.debit_id
    JOIN ledger_account c ON c.id = t.credit_id
  WHERE t.id = a_transfer
    AND (app_is_staff() OR d.holder_id = app_user_id() OR c.holder_id = app_user_id()
      OR d.holder_id = ANY (app_org_ids()) OR c.holder_id = ANY (app_org_ids()))
$$;

-- Statements are a person's, invoices an organization's; both are evidence.
ALTER TABLE exports_statement ENABLE ROW LEVEL SECURITY;
CREATE POLICY statement_own ON exports_statement
  USING (user_id = (SELECT app_user_id()) OR (SELECT app_is_staff()));
ALTER TABLE exports_statementchoice ENABLE ROW LEVEL SECURITY;
CREATE POLICY statement_choice_own ON exports_statementchoice
  USING (user_id = (SELECT app_user_id()) OR (SELECT app_is_staff()));
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['projectbilling', 'invoice', 'invoiceline'] LOOP
    EXECUTE format('ALTER TABLE exports_%s ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY %s_tenant ON exports_%s USING (
        org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()))', t, t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['statement', 'invoice', 'invoiceline'] LOOP
    EXECUTE format('CREATE TRIGGER %s_evidence BEFORE UPDATE OR DELETE OR TRUNCATE ON exports_%s
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', t, t);
  END LOOP;
END $$;

-- One series of numbers a kind. The row is locked until the invoice is committed, and taken back
-- with it: no gap, no number twice, whatever the writer sent.
CREATE TABLE exports_series (kind varchar(11) PRIMARY KEY, last integer NOT NULL);
INSERT INTO exports_series VALUES ('invoice', 0), ('credit_note', 0);
REVOKE ALL ON exports_series FROM $APP;

CREATE FUNCTION exports_number_invoice() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE exports_series SET last = last + 1 WHERE kind = NEW.kind RETURNING last INTO NEW.serial;
  RETURN NEW;
END $$;
CREATE TRIGGER invoice_number BEFORE INSERT ON exports_invoice
  FOR EACH ROW EXECUTE FUNCTION exports_number_invoice();

-- Whose month before `month_end` has movements that no statement covers yet.
CREATE FUNCTION exports_statements_due(month_end timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT a.holder_id FROM ledger_account a
  LEFT JOIN LATERAL (SELECT s.as_of, s.month FROM exports_statement s WHERE s.user_id = a.holder_id
    ORDER BY s.month DESC LIMIT 1) last ON true
  WHERE a.purpose = 'payable' AND app_kind() = 'system'
    AND EXISTS (SELECT 1 FROM ledger_transfer t
      WHERE a.id IN (t.credit_id, t.debit_id) AND t.kind IN ('posted', 'post')
        AND t.at < month_end
        AND (last.month IS NULL OR t.number > last.as_of
          OR t.at >= (last.month + interval '1 month')::timestamp AT TIME ZONE 'UTC'))
$$;

-- What each project of an organization was charged for times before `until`: pay and fee, from the
-- transfers alone. Money that comes back from there counts against it.
CREATE FUNCTION exports_charged(an_org uuid, until timestamptz)
RETURNS TABLE (project_id uuid, currency text, pay bigint, fee bigint, as_of bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH own AS (SELECT a.id FROM ledger_account a
    WHERE a.holder_id = an_org AND a.purpose IN ('wallet', 'held', 'seats')
      AND (app_is_staff() OR an_org = ANY (app_org_ids())))
  SELECT t.scope_id, t.currency::text,
    coalesce(sum(t.sign * t.amount) FILTER (WHERE b.purpose = 'payable'), 0)::bigint,
    coalesce(sum(t.sign * t.amount) FILTER (WHERE b.purpose = 'fees'), 0)::bigint,
    max(t.number)
  FROM (
    SELECT scope_id, ledger_transfer.currency, amount, 1 AS sign, number, credit_id AS other, at,
      kind FROM ledger_transfer JOIN own ON own.id = debit_id
    UNION ALL
    SELECT scope_id, ledger_transfer.currency, amount, -1, number, debit_id, at,
      kind FROM ledger_transfer JOIN own ON own.id = credit_id
  ) t JOIN ledger_account b ON b.id = t.other
  WHERE t.kind IN ('posted', 'post') AND t.at < until AND b.purpose IN ('payable', 'fees')
  GROUP BY t.scope_id, t.currency
$$;

-- Organizations that were charged something: whom to look at when invoices are issued.
CREATE FUNCTION exports_charged_organizations(until timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT o.id FROM organizations_organization o WHERE app_kind() = 'system'
    AND EXISTS (SELECT 1 FROM ledger_transfer t JOIN ledger_account a ON a.id = t.debit_id
      WHERE a.holder_id = o.id AND a.purpose IN ('wallet', 'held', 'seats')
        AND t.kind IN ('posted', 'post') AND t.at < until)
$$;

-- Everything that went into and out of the wallet that a project was funded from, for whoever is a
-- side of the project: an amount that was earned is followed back to the charges that it came from.
CREATE FUNCTION exports_wallet(a_project uuid)
RETURNS TABLE (id uuid, number bigint, at timestamptz, amount bigint, code text, scope_id uuid,
  subject_id uuid, is_in boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.id, t.number, t.at, t.amount, t.code::text, t.scope_id, t.subject_id, t.credit_id = a.id
  FROM projects_project p
    JOIN ledger_account a ON a.purpose = 'wallet' AND a.holder_id = p.org_id
      AND a.currency = p.currency
    JOIN ledger_transfer t ON a.id IN (t.credit_id, t.debit_id)
  WHERE p.id = a_project AND t.kind IN ('posted', 'post')
    AND (app_is_staff() OR p.org_id = ANY (app_org_ids())
      OR EXISTS (SELECT 1 FROM work_enrolment e
        WHERE e.project_id = p.id AND e.contributor_id = app_user_id()))
  ORDER BY t.number
$$;

-- The account that a transfer was paid from, and how much had left it before (money that went back
-- to the wallet aside), for a party of the transfer.
CREATE FUNCTION exports_paid_from(a_transfer uuid)
RETURNS TABLE (debit text, credit text, before bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT d.purpose::text, c.purpose::text,
    coalesce((SELECT sum(o.amount) FROM ledger_transfer o
      WHERE o.debit_id = t.debit_id AND o.number < t.number AND o.kind IN ('posted', 'post')
        AND d.is_guarded AND o.code NOT IN ('return_unspent', 'return_seats')), 0)::bigint
  FROM ledger_transfer t JOIN ledger_account d ON d.id = t.debit_id
    JOIN ledger_account c ON c.id = t.credit_id
  WHERE t.id = a_transfer
    AND (app_is_staff() OR d.holder_id = app_user_id() OR c.holder_id = app_user_id()
      OR d.holder_id = ANY (app_org_ids()) OR c.holder_id = ANY (app_org_ids()))
$$;

-- The evidence of one assignment, without who it was: for both of its sides.
CREATE FUNCTION exports_evidence(an_assignment uuid)
RETURNS TABLE (number integer, type text, actor_kind text, at timestamptz, hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT e.number, e.type::text, e.actor_kind::text, e.at, e.hash::text FROM audit_auditevent e
  WHERE e.aggregate_id = an_assignment AND EXISTS (SELECT 1 FROM work_assignment a
    WHERE a.id = an_assignment AND (app_is_staff() OR a.contributor_id = app_user_id()
      OR a.org_id = ANY (app_org_ids())))
  ORDER BY e.number
$$;

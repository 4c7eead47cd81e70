-- As before; what the platform pays a contributor out of its fee (case time) lowers the fee.
CREATE OR REPLACE FUNCTION exports_ledger_totals(a_project uuid)
RETURNS TABLE (as_of bigint, net bigint, fee bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(max(t.number), 0)::bigint,
    coalesce(sum(t.amount) FILTER (WHERE c.purpose = 'payable'), 0)::bigint,
    coalesce(sum(CASE WHEN c.purpose = 'fees' THEN t.amount
                      WHEN d.purpose = 'fees' THEN -t.amount END), 0)::bigint
  FROM ledger_transfer t JOIN ledger_account c ON c.id = t.credit_id
    JOIN ledger_account d ON d.id = t.debit_id
  WHERE t.scope_id = a_project AND t.kind IN ('posted', 'post')
    AND (app_is_staff() OR EXISTS (SELECT 1 FROM projects_project p
      WHERE p.id = a_project AND p.org_id = ANY (app_org_ids())))
$$;

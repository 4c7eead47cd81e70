-- Funding and refunds belong to an organization, accounts and payouts to a person. The outbox,
-- events and Stripe's own books are the platform's: staff reads them, the money tasks (which act
-- for the platform: app.kind = 'system' without an organization) write them.
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['funding', 'refund'] LOOP
    EXECUTE format('ALTER TABLE payments_%s ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY %s_tenant ON payments_%s USING (
        org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()))', t, t);
    EXECUTE format('CREATE POLICY %s_platform ON payments_%s USING (
        (SELECT app_kind()) = ''system'' AND cardinality((SELECT app_org_ids())) = 0)', t, t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['stripeaccount', 'payout'] LOOP
    EXECUTE format('ALTER TABLE payments_%s ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY %s_own ON payments_%s USING (
        user_id = (SELECT app_user_id()) OR (SELECT app_is_staff()))', t, t);
    EXECUTE format('CREATE POLICY %s_platform ON payments_%s USING (
        (SELECT app_kind()) = ''system'' AND cardinality((SELECT app_org_ids())) = 0)', t, t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['outboxcall', 'balancetxn', 'stripebalance'] LOOP
    EXECUTE format('ALTER TABLE payments_%s ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY %s_read ON payments_%s FOR SELECT USING ((SELECT app_is_staff()))',
      t, t);
    EXECUTE format('CREATE POLICY %s_platform ON payments_%s USING (
        (SELECT app_kind()) = ''system'' AND cardinality((SELECT app_org_ids())) = 0)', t, t);
  END LOOP;
  -- A payout or refund is asked for by its owner, whose transaction writes the outbox row.
  CREATE POLICY outboxcall_ask ON payments_outboxcall FOR INSERT WITH CHECK (true);
  ALTER TABLE payments_stripeevent ENABLE ROW LEVEL SECURITY;
  CREATE POLICY event_read ON payments_stripeevent FOR SELECT USING ((SELECT app_is_staff()));
  CREATE POLICY event_platform ON payments_stripeevent USING (
    (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);
END $$;
-- Every contributor with money to pay out: the weekly automatic payout walks these.
CREATE FUNCTION payments_payable(minimum bigint, a_currency text)
RETURNS TABLE (user_id uuid, available bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT a.holder_id, a.credits_posted - a.debits_posted - a.debits_pending FROM ledger_account a
  WHERE a.purpose = 'payable' AND a.currency = a_currency
    AND a.credits_posted - a.debits_posted - a.debits_pending >= minimum
$$;

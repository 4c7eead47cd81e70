-- Disputes and corrections belong to an organization, reversals to a person, reconciliations to the
-- platform. As in rls.sql.
ALTER TABLE payments_dispute ENABLE ROW LEVEL SECURITY;
CREATE POLICY dispute_tenant ON payments_dispute USING (
  org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
CREATE POLICY dispute_platform ON payments_dispute USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);

ALTER TABLE payments_correction ENABLE ROW LEVEL SECURITY;
CREATE POLICY correction_tenant ON payments_correction USING (
  org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
CREATE POLICY correction_platform ON payments_correction USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);

ALTER TABLE payments_reversal ENABLE ROW LEVEL SECURITY;
CREATE POLICY reversal_own ON payments_reversal FOR SELECT USING (
  user_id = (SELECT app_user_id()) OR (SELECT app_is_staff()));
CREATE POLICY reversal_platform ON payments_reversal USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);

ALTER TABLE payments_reconciliation ENABLE ROW LEVEL SECURITY;
CREATE POLICY reconciliation_read ON payments_reconciliation FOR SELECT
  USING ((SELECT app_is_staff()));
CREATE POLICY reconciliation_platform ON payments_reconciliation USING (
  (SELECT app_kind()) = 'system' AND cardinality((SELECT app_org_ids())) = 0);

-- Nothing of a frozen wallet goes back to the buyer, whoever asks.
CREATE FUNCTION payments_refund_not_frozen() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM organizations_organization o WHERE o.id = NEW.org_id FOR SHARE;
  IF EXISTS (SELECT 1 FROM organizations_organization o
             WHERE o.id = NEW.org_id AND o.frozen_at IS NOT NULL) THEN
    RAISE EXCEPTION 'payments: the wallet of organization % is frozen', NEW.org_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_not_frozen';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payments_refund_not_frozen BEFORE INSERT ON payments_refund
  FOR EACH ROW EXECUTE FUNCTION payments_refund_not_frozen();

-- A changed destination waits, and one that its owner does not know is paid nothing.
CREATE FUNCTION payments_payout_may_go() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM payments_stripeaccount a WHERE a.user_id = NEW.user_id
             AND (a.stopped_at IS NOT NULL OR a.wait_until > NEW.created_at)) THEN
    RAISE EXCEPTION 'payments: the payout account of % changed and waits', NEW.user_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_may_go';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payments_payout_may_go BEFORE INSERT ON payments_payout
  FOR EACH ROW EXECUTE FUNCTION payments_payout_may_go();

-- What two administrators decided stays as they decided it.
CREATE FUNCTION payments_correction_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.decided_by_id IS NOT NULL AND (OLD.kind, OLD.org_id, OLD.user_id, OLD.payout_id, OLD.amount,
      OLD.currency, OLD.reason, OLD.evidence, OLD.proposed_by_id, OLD.decided_by_id, OLD.decision)
    IS DISTINCT FROM (NEW.kind, NEW.org_id, NEW.user_id, NEW.payout_id, NEW.amount,
      NEW.currency, NEW.reason, NEW.evidence, NEW.proposed_by_id, NEW.decided_by_id, NEW.decision)
  THEN
    RAISE EXCEPTION 'payments: a decided correction is not changed'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payments_correction_stays BEFORE UPDATE ON payments_correction
  FOR EACH ROW EXECUTE FUNCTION payments_correction_stays();
CREATE TRIGGER payments_correction_kept BEFORE DELETE OR TRUNCATE ON payments_correction
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

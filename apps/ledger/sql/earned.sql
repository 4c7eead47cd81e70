-- Earned money leaves a contributor's account towards the bank and nowhere else, whoever posts it and
-- whatever became of the contributor. Resolving a pending transfer keeps its accounts, so it is looked
-- at like any other.
CREATE FUNCTION ledger_earned_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad uuid;
BEGIN
  SELECT f.id INTO bad FROM fresh f
    JOIN ledger_account d ON d.id = f.debit_id JOIN ledger_account c ON c.id = f.credit_id
    WHERE d.purpose = 'payable' AND c.purpose <> 'stripe' LIMIT 1;
  IF bad IS NOT NULL THEN
    RAISE EXCEPTION 'ledger: earned money leaves towards its owner''s bank only'
      USING ERRCODE = 'WL005', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER ledger_earned_money_stays AFTER INSERT ON ledger_transfer
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_earned_stays();

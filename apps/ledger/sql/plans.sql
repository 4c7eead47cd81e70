-- A session keeps the plans of a function, and makes them while the ledger is still small: then a
-- scan of the whole table looks cheap, and grows dear (7 ms a posting after 7,000 transfers, 0.7 ms
-- by index). A batch is always small beside the ledger, so it always goes by index.
ALTER FUNCTION ledger_post(jsonb) SET enable_seqscan = off;
ALTER FUNCTION ledger_post(jsonb) SET enable_hashjoin = off;
ALTER FUNCTION ledger_post(jsonb) SET enable_mergejoin = off;

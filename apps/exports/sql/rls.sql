ALTER TABLE exports_release ENABLE ROW LEVEL SECURITY;
CREATE POLICY release_tenant ON exports_release
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));
ALTER TABLE exports_releasekey ENABLE ROW LEVEL SECURITY;
CREATE POLICY release_key_tenant ON exports_releasekey
  USING (org_id = ANY ((SELECT app_org_ids())::uuid[]) OR (SELECT app_is_staff()));

CREATE FUNCTION exports_due(stale_before timestamptz) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.id, r.org_id FROM exports_release r WHERE r.state = 'building'
    AND (r.claimed_at IS NULL OR r.claimed_at < stale_before)
$$;

-- What contributors and the platform got for a project, from the transfers alone. The buyer sees
-- the sums of its own project; the other side's accounts stay out of its sight.
CREATE FUNCTION exports_ledger_totals(a_project uuid)
RETURNS TABLE (as_of bigint, net bigint, fee bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce(max(t.number), 0)::bigint,
    coalesce(sum(t.amount) FILTER (WHERE a.purpose = 'payable'), 0)::bigint,
    coalesce(sum(t.amount) FILTER (WHERE a.purpose = 'fees'), 0)::bigint
  FROM ledger_transfer t JOIN ledger_account a ON a.id = t.credit_id
  WHERE t.scope_id = a_project AND t.kind IN ('posted', 'post')
    AND (app_is_staff() OR EXISTS (SELECT 1 FROM projects_project p
      WHERE p.id = a_project AND p.org_id = ANY (app_org_ids())))
$$;

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

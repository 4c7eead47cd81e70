-- Which open case is about to be decided by silence, and nobody was told of that yet.
CREATE FUNCTION cases_near(at timestamptz, until timestamptz)
RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT c.id, c.org_id FROM cases_case c
  WHERE c.state = 'open' AND c.due_at > at AND c.due_at <= until
    AND NOT EXISTS (SELECT 1 FROM notices_notice n WHERE n.key = 'case:' || c.id || ':decision')
$$;

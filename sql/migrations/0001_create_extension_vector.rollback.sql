-- Drops the extension only if migration 0001 installed it and nothing else has come to use it.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

DO $$
BEGIN
  IF EXISTS (
    SELECT
    FROM pg_extension
    WHERE extname = 'vector'
      AND obj_description(oid, 'pg_extension') LIKE '%installed by mathison-data.'
      AND pg_has_role(extowner, 'USAGE')
  ) THEN
    DROP EXTENSION vector;
  END IF;
EXCEPTION
  WHEN dependent_objects_still_exist THEN
    RAISE NOTICE 'the extension vector stays: other objects use it';
END
$$;

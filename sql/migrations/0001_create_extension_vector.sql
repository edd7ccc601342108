-- pgvector gives recipes and stacks their embedding column, vector(1536).
-- An extension that a DBA has installed before is used as it is. One that this
-- migration installs says so in its comment, so that the rollback drops only what is ours;
-- where the server gives the extension to another owner, it is not ours and stays.
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

DO $$
DECLARE
  present_in text := (
    SELECT extnamespace::regnamespace::text
    FROM pg_extension
    WHERE extname = 'vector'
  );
BEGIN
  IF present_in IS NULL THEN
    CREATE EXTENSION vector WITH SCHEMA public;
    BEGIN
      COMMENT ON EXTENSION vector IS 'Vector type and nearest-neighbour indexes (pgvector); installed by mathison-data.';
    EXCEPTION
      WHEN insufficient_privilege THEN
        NULL;
    END;
  ELSIF present_in <> 'public' THEN
    RAISE EXCEPTION 'the extension vector is in schema %, but must be in public', present_in
      USING HINT = 'Its owner can move it: ALTER EXTENSION vector SET SCHEMA public;';
  END IF;
END
$$;

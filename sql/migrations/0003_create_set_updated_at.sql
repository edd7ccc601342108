-- updated_at is the server's word, not the client's: whoever changes a row, from whatever
-- language, and whatever is sent, the column tells when the server did it.
-- depends: 0002_create_cuid
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

-- clock_timestamp(), because now() stands still within a transaction.
CREATE FUNCTION set_updated_at()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END
$$;

COMMENT ON FUNCTION set_updated_at() IS
  'Trigger function: moves updated_at to the server''s clock; the triggers fire only for a row that an UPDATE changes.';

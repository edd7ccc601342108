-- Ids are made in the database, so that an INSERT from psql needs no client library:
-- cuid() gives 25 characters that sort by the time they were made.
-- depends: 0001_create_extension_vector
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

-- Four base-36 digits, shared by all sessions: two ids of one millisecond differ here.
CREATE SEQUENCE cuid_counter
  AS bigint
  MINVALUE 0
  MAXVALUE 1679615
  CYCLE;

COMMENT ON SEQUENCE cuid_counter IS 'Third part of every cuid(); 0 to 36^4 - 1, then over again.';

-- A client with INSERT on a table alone must get its default id, too.
GRANT USAGE ON SEQUENCE cuid_counter TO PUBLIC;

CREATE FUNCTION base36(value bigint, width integer)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
AS $$
DECLARE
  digits text := '';
BEGIN
  FOR i IN 1 .. width LOOP
    digits := substr('0123456789abcdefghijklmnopqrstuvwxyz', (value % 36)::integer + 1, 1) || digits;
    value := value / 36;
  END LOOP;
  RETURN digits;
END
$$;

COMMENT ON FUNCTION base36(bigint, integer) IS
  'The last width digits of a number that is not negative, to base 36, padded with zeros.';

-- c | 8 digits of milliseconds since 1970 (they suffice until 2059) | 4 of the counter
-- | 4 of the server process | 8 random ones (48 bits of a random UUID, reduced).
CREATE FUNCTION cuid()
RETURNS text
LANGUAGE sql
VOLATILE
RETURN 'c'
  || base36(floor(extract(EPOCH FROM clock_timestamp()) * 1000)::bigint, 8)
  || base36(nextval('cuid_counter'), 4)
  || base36(pg_backend_pid(), 4)
  || base36(('x' || left(translate(gen_random_uuid()::text, '-', ''), 12))::bit(48)::bigint, 8);

COMMENT ON FUNCTION cuid() IS
  'A new id of the form ^c[a-z0-9]{24}$; ids sort by the millisecond in which they were made.';

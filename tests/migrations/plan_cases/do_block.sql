-- What a DO block does inside is seen like anything else.
-- locks: books ACCESS EXCLUSIVE
-- rewrites: books
DO $$ BEGIN EXECUTE 'ALTER TABLE books ALTER COLUMN pages TYPE bigint'; END $$;

-- ALTER TABLE: ACCESS EXCLUSIVE; defaults "only apply to subsequent INSERT or UPDATE commands".
-- locks: books ACCESS EXCLUSIVE
ALTER TABLE books ALTER COLUMN title SET DEFAULT 'untitled';

-- ALTER TYPE locks the type, no table.
-- locks:
ALTER TYPE genre ADD VALUE 'POETRY';

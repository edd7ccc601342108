-- Loses every tenant and user.
-- To drop is what this file is for:
-- squawk-ignore-file ban-drop-table
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

DROP TABLE users;

DROP TABLE tenants;

-- Nothing is lost: by now no trigger uses the function.
-- To drop is what this file is for:
-- squawk-ignore-file ban-drop-function
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

DROP FUNCTION set_updated_at();

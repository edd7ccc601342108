-- Nothing is lost but the counter: ids in use are plain text.
-- To drop is what this file is for:
-- squawk-ignore-file ban-drop-function, ban-drop-sequence
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

DROP FUNCTION cuid();

DROP FUNCTION base36(bigint, integer);

DROP SEQUENCE cuid_counter;

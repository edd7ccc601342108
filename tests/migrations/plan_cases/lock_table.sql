-- LOCK: the mode that it names.
-- locks: books EXCLUSIVE
LOCK TABLE books IN EXCLUSIVE MODE;

-- transactional: false
-- Explicit Locking, SHARE UPDATE EXCLUSIVE: "Acquired by VACUUM (without FULL) ...".
-- locks: books SHARE UPDATE EXCLUSIVE
VACUUM books;

-- name: found :many
SELECT id, upper(word) AS word FROM found_rows;

-- name: get :optional
SELECT id, word FROM found_rows WHERE id = :id;

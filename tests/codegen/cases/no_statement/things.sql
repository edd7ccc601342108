-- name: get :optional
-- Nothing here.

-- name: get_other :optional
;

-- name: get :optional
SELECT id FROM invoices;

-- name: set_quota :execrows
-- @param quota: tenants.qota what it may use
-- @param name: it is what people see
UPDATE tenants SET quota = :quota, name = :name WHERE id = :id;

-- name: set_both :execrows
WITH x AS (UPDATE recipes SET ai_hints = :ai_hints RETURNING id)
UPDATE stacks SET ai_hints = :ai_hints FROM x;

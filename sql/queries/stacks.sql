-- Bundles of recipes. Only PUBLISHED stacks are offered; DEPRECATED is the soft delete.
-- Content is every column but id, embedding, created_at and updated_at; stacks have no versions.
--
-- Pages go by key: the last row seen, both fields of it or neither. Without one the page starts below every
-- key: the comparison is an index condition either way, under a generic plan as well.
-- A limit of null would mean all rows; as -1 the server refuses it.

-- name: create :one
-- Add a stack.
-- A slug that is taken raises psycopg.errors.UniqueViolation. What is left out gets the table's default.
-- @param services  its parts, each with the slug of its recipe
-- @param ai_hints?  what the agent is told of it
-- @param tier?  who vouches for it; COMMUNITY unless given
-- @param status?  DRAFT unless given
-- @param created_by_id?  id of the user who makes it; None for the platform itself
INSERT INTO stacks (
  slug, display_name, description, services, ai_hints, tier, status, created_by_id
)
VALUES (
  :slug,
  :display_name,
  :description,
  :services,
  coalesce(:ai_hints::jsonb, '{}'),
  coalesce(:tier::"RecipeTier", 'COMMUNITY'),
  coalesce(:status::"RecipeStatus", 'DRAFT'),
  :created_by_id
)
RETURNING
  id, slug, display_name, description, services, ai_hints, tier, status, created_by_id, created_at, updated_at;

-- name: upsert :one
-- Add a stack, or make the one with this slug what is given: the whole content, not a patch of it.
-- What is left out becomes the table's default, but for created_by_id, which stays. Returns the stack as it is then.
-- When nothing would change, nothing is written: no row version, no lock, updated_at stays.
-- Two at once of a new slug both return it.
-- @returns Stack
-- @param services  its parts, each with the slug of its recipe
-- @param ai_hints?  what the agent is told of it
-- @param tier?  who vouches for it; COMMUNITY unless given
-- @param status?  DRAFT unless given
-- @param created_by_id?  id of the user who made it; None leaves it as it is
WITH given AS (
  SELECT
    :slug::text AS slug,
    :display_name::text AS display_name,
    :description::text AS description,
    :services::jsonb AS services,
    coalesce(:ai_hints::jsonb, '{}') AS ai_hints,
    coalesce(:tier::"RecipeTier", 'COMMUNITY') AS tier,
    coalesce(:status::"RecipeStatus", 'DRAFT') AS status,
    :created_by_id::text AS created_by_id
),
unchanged AS (
  SELECT
    present.id, present.slug, present.display_name, present.description, present.services, present.ai_hints,
    present.tier, present.status, present.created_by_id, present.created_at, present.updated_at
  FROM stacks AS present
  JOIN given ON given.slug = present.slug
  WHERE ROW (
      present.display_name, present.description, present.services, present.ai_hints, present.tier, present.status,
      present.created_by_id
    ) IS NOT DISTINCT FROM ROW (
      given.display_name, given.description, given.services, given.ai_hints, given.tier, given.status,
      coalesce(given.created_by_id, present.created_by_id)
    )
),
written AS (
  INSERT INTO stacks (
    slug, display_name, description, services, ai_hints, tier, status, created_by_id
  )
  SELECT
    given.slug, given.display_name, given.description, given.services, given.ai_hints, given.tier, given.status,
    given.created_by_id
  FROM given
  WHERE NOT EXISTS (SELECT FROM unchanged)
  ON CONFLICT (slug) DO UPDATE SET
    display_name = excluded.display_name,
    description = excluded.description,
    services = excluded.services,
    ai_hints = excluded.ai_hints,
    tier = excluded.tier,
    status = excluded.status,
    created_by_id = coalesce(excluded.created_by_id, stacks.created_by_id)
  RETURNING
    id, slug, display_name, description, services, ai_hints, tier, status, created_by_id, created_at, updated_at
)
SELECT
  id, slug, display_name, description, services, ai_hints, tier, status, created_by_id, created_at, updated_at
FROM unchanged
UNION ALL
SELECT
  id, slug, display_name, description, services, ai_hints, tier, status, created_by_id, created_at, updated_at
FROM written;

-- name: get :optional
-- The stack with this id, whatever its status.
SELECT
  id, slug, display_name, description, services, ai_hints, tier, status, created_by_id, created_at, updated_at
FROM stacks
WHERE id = :id;

-- name: get_by_slug :optional
-- The stack with this slug, whatever its status.
SELECT
  id, slug, display_name, description, services, ai_hints, tier, status, created_by_id, created_at, updated_at
FROM stacks
WHERE slug = :slug;

-- name: list_published :many
-- Published stacks by display name; a page at a time.
-- @param after_display_name?  display_name of the last row seen, together with after_id; None for the first page
-- @param after_id?  id of the last row seen; half a cursor gives no rows
-- @param limit  rows a page
SELECT
  id, slug, display_name, description, services, ai_hints, tier, status, created_by_id, created_at, updated_at
FROM stacks
WHERE status = 'PUBLISHED'
  AND (display_name, id) > (
    CASE num_nulls(:after_display_name::text, :after_id::text)
      WHEN 0 THEN :after_display_name
      WHEN 2 THEN ''
    END,
    coalesce(:after_id, '')
  )
ORDER BY display_name, id
LIMIT coalesce(:limit, -1);

-- name: set_status :one
-- Publish a stack, take it back to DRAFT, or withdraw it: DEPRECATED is the soft delete.
UPDATE stacks
SET status = :status
WHERE slug = :slug
RETURNING
  id, slug, display_name, description, services, ai_hints, tier, status, created_by_id, created_at, updated_at;

-- name: set_embedding :one
-- Store the meaning of a stack's texts, or clear it.
-- @param embedding?  1536 numbers; None clears
UPDATE stacks
SET embedding = :embedding
WHERE id = :id
RETURNING
  id, slug, display_name, description, services, ai_hints, tier, status, created_by_id, created_at, updated_at;

-- name: list_missing_embedding :many
-- Stacks of every status that have no embedding yet, by id; a page at a time.
-- @param after_id?  id of the last row seen; None for the first page
-- @param limit  rows a page
SELECT
  id, slug, display_name, description, services, ai_hints, tier, status, created_by_id, created_at, updated_at
FROM stacks
WHERE embedding IS NULL
  AND id > coalesce(:after_id, '')
ORDER BY id
LIMIT coalesce(:limit, -1);

-- name: search :many
-- Published stacks by meaning, the nearest first; those without an embedding cannot be found.
-- `similarity` is the cosine similarity: 1 for the same direction, 0 for nothing in common, -1 for the opposite.
-- @param embedding  1536 numbers, from the model that made the stacks' embeddings
-- @param limit  how many at most
-- @column similarity!
SELECT
  id, slug, display_name, description, tier,
  1 - (embedding <=> :embedding::vector) AS similarity
FROM stacks
WHERE status = 'PUBLISHED'
  AND embedding IS NOT NULL
ORDER BY embedding <=> :embedding, id
LIMIT coalesce(:limit, -1);

-- name: delete :execrows
-- Delete a stack; return 1, or 0 if there is none with this id.
-- To withdraw a stack, set its status to DEPRECATED.
DELETE FROM stacks
WHERE id = :id;

-- The catalog of services. Only PUBLISHED recipes are offered to tenants; DEPRECATED is the soft delete.
-- Content is every column but id, embedding, version, created_at and updated_at. Each write that changes content
-- counts version up by one, and one that changes none leaves the version, so that versions tell of changes alone.
--
-- Pages go by key: the last row seen, both fields of it or neither. Without one the page starts below every
-- key: the comparison is an index condition either way, under a generic plan as well.
-- A limit of null would mean all rows; as -1 the server refuses it.

-- name: create :one
-- Add a recipe to the catalog, at version 1.
-- A slug that is taken raises psycopg.errors.UniqueViolation. What is left out gets the table's default.
-- @param tags?  further words to filter by
-- @param icon_url?  address of a picture for the catalog
-- @param source_type?  how it is packaged; "helm" unless given
-- @param chart_version?  range of chart versions that the template fits; None for any
-- @param config_schema?  what a tenant can set: field name to its description
-- @param secrets_schema?  what must be kept secret: secret name to its description
-- @param values_template?  Helm values with Mustache tags
-- @param dependencies?  what must run before it
-- @param ingress_config?  how it is reached from outside; {} for not at all
-- @param resource_defaults?  what its pod requests
-- @param resource_limits?  what its pod may use at most
-- @param health_check?  how to tell that it works
-- @param ai_hints?  what the agent is told of it
-- @param tier?  who vouches for it; COMMUNITY unless given
-- @param status?  DRAFT unless given
-- @param created_by_id?  id of the user who makes it; None for the platform itself
INSERT INTO recipes (
  slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id
)
VALUES (
  :slug,
  :display_name,
  :description,
  :category,
  coalesce(:tags::text[], '{}'),
  :icon_url,
  coalesce(:source_type, 'helm'),
  :chart_url,
  :chart_version,
  coalesce(:config_schema::jsonb, '{}'),
  coalesce(:secrets_schema::jsonb, '{}'),
  coalesce(:values_template, ''),
  coalesce(:dependencies::jsonb, '[]'),
  coalesce(:ingress_config::jsonb, '{}'),
  coalesce(:resource_defaults::jsonb, '{}'),
  coalesce(:resource_limits::jsonb, '{}'),
  coalesce(:health_check::jsonb, '{}'),
  coalesce(:ai_hints::jsonb, '{}'),
  coalesce(:tier::"RecipeTier", 'COMMUNITY'),
  coalesce(:status::"RecipeStatus", 'DRAFT'),
  :created_by_id
)
RETURNING
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at;

-- name: upsert :one
-- Add a recipe, or make the one with this slug what is given: the whole content, not a patch of it.
-- What is left out becomes the table's default, but for created_by_id, which stays. Returns the recipe as it is then.
-- When nothing would change, nothing is written: no row version, no lock, no new version, updated_at stays.
-- Two at once of a new slug both return it.
-- @returns Recipe
-- @param tags?  further words to filter by
-- @param icon_url?  address of a picture for the catalog
-- @param source_type?  how it is packaged; "helm" unless given
-- @param chart_version?  range of chart versions that the template fits; None for any
-- @param config_schema?  what a tenant can set: field name to its description
-- @param secrets_schema?  what must be kept secret: secret name to its description
-- @param values_template?  Helm values with Mustache tags
-- @param dependencies?  what must run before it
-- @param ingress_config?  how it is reached from outside; {} for not at all
-- @param resource_defaults?  what its pod requests
-- @param resource_limits?  what its pod may use at most
-- @param health_check?  how to tell that it works
-- @param ai_hints?  what the agent is told of it
-- @param tier?  who vouches for it; COMMUNITY unless given
-- @param status?  DRAFT unless given
-- @param created_by_id?  id of the user who made it; None leaves it as it is
WITH given AS (
  SELECT
    :slug::text AS slug,
    :display_name::text AS display_name,
    :description::text AS description,
    :category::text AS category,
    coalesce(:tags::text[], '{}') AS tags,
    :icon_url::text AS icon_url,
    coalesce(:source_type::text, 'helm') AS source_type,
    :chart_url::text AS chart_url,
    :chart_version::text AS chart_version,
    coalesce(:config_schema::jsonb, '{}') AS config_schema,
    coalesce(:secrets_schema::jsonb, '{}') AS secrets_schema,
    coalesce(:values_template::text, '') AS values_template,
    coalesce(:dependencies::jsonb, '[]') AS dependencies,
    coalesce(:ingress_config::jsonb, '{}') AS ingress_config,
    coalesce(:resource_defaults::jsonb, '{}') AS resource_defaults,
    coalesce(:resource_limits::jsonb, '{}') AS resource_limits,
    coalesce(:health_check::jsonb, '{}') AS health_check,
    coalesce(:ai_hints::jsonb, '{}') AS ai_hints,
    coalesce(:tier::"RecipeTier", 'COMMUNITY') AS tier,
    coalesce(:status::"RecipeStatus", 'DRAFT') AS status,
    :created_by_id::text AS created_by_id
),
unchanged AS (
  SELECT
    present.id, present.slug, present.display_name, present.description, present.category, present.tags,
    present.icon_url, present.source_type, present.chart_url, present.chart_version, present.config_schema,
    present.secrets_schema, present.values_template, present.dependencies, present.ingress_config,
    present.resource_defaults, present.resource_limits, present.health_check, present.ai_hints, present.tier,
    present.status, present.created_by_id, present.version, present.created_at, present.updated_at
  FROM recipes AS present
  JOIN given ON given.slug = present.slug
  WHERE ROW (
      present.display_name, present.description, present.category, coalesce(present.tags, '{}'), present.icon_url,
      present.source_type, present.chart_url, present.chart_version, present.config_schema, present.secrets_schema,
      present.values_template, present.dependencies, present.ingress_config, present.resource_defaults,
      present.resource_limits, present.health_check, present.ai_hints, present.tier, present.status,
      present.created_by_id
    ) IS NOT DISTINCT FROM ROW (
      given.display_name, given.description, given.category, given.tags, given.icon_url, given.source_type,
      given.chart_url, given.chart_version, given.config_schema, given.secrets_schema, given.values_template,
      given.dependencies, given.ingress_config, given.resource_defaults, given.resource_limits, given.health_check,
      given.ai_hints, given.tier, given.status, coalesce(given.created_by_id, present.created_by_id)
    )
),
written AS (
  INSERT INTO recipes (
    slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
    secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
    ai_hints, tier, status, created_by_id
  )
  SELECT
    given.slug, given.display_name, given.description, given.category, given.tags, given.icon_url, given.source_type,
    given.chart_url, given.chart_version, given.config_schema, given.secrets_schema, given.values_template,
    given.dependencies, given.ingress_config, given.resource_defaults, given.resource_limits, given.health_check,
    given.ai_hints, given.tier, given.status, given.created_by_id
  FROM given
  WHERE NOT EXISTS (SELECT FROM unchanged)
  ON CONFLICT (slug) DO UPDATE SET
    display_name = excluded.display_name,
    description = excluded.description,
    category = excluded.category,
    tags = excluded.tags,
    icon_url = excluded.icon_url,
    source_type = excluded.source_type,
    chart_url = excluded.chart_url,
    chart_version = excluded.chart_version,
    config_schema = excluded.config_schema,
    secrets_schema = excluded.secrets_schema,
    values_template = excluded.values_template,
    dependencies = excluded.dependencies,
    ingress_config = excluded.ingress_config,
    resource_defaults = excluded.resource_defaults,
    resource_limits = excluded.resource_limits,
    health_check = excluded.health_check,
    ai_hints = excluded.ai_hints,
    tier = excluded.tier,
    status = excluded.status,
    created_by_id = coalesce(excluded.created_by_id, recipes.created_by_id),
    version = recipes.version + (
      ROW (
        recipes.display_name, recipes.description, recipes.category, coalesce(recipes.tags, '{}'), recipes.icon_url,
        recipes.source_type, recipes.chart_url, recipes.chart_version, recipes.config_schema, recipes.secrets_schema,
        recipes.values_template, recipes.dependencies, recipes.ingress_config, recipes.resource_defaults,
        recipes.resource_limits, recipes.health_check, recipes.ai_hints, recipes.tier, recipes.status,
        recipes.created_by_id
      ) IS DISTINCT FROM ROW (
        excluded.display_name, excluded.description, excluded.category, excluded.tags, excluded.icon_url,
        excluded.source_type, excluded.chart_url, excluded.chart_version, excluded.config_schema,
        excluded.secrets_schema, excluded.values_template, excluded.dependencies, excluded.ingress_config,
        excluded.resource_defaults, excluded.resource_limits, excluded.health_check, excluded.ai_hints, excluded.tier,
        excluded.status, coalesce(excluded.created_by_id, recipes.created_by_id)
      )
    )::integer
  RETURNING
    id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
    secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
    ai_hints, tier, status, created_by_id, version, created_at, updated_at
)
SELECT
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at
FROM unchanged
UNION ALL
SELECT
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at
FROM written;

-- name: update :one
-- Make the whole content of a recipe what is given, unless someone else was first.
-- NoRowError means that the recipe is gone or no longer at expected_version: read it again. What is left out becomes
-- the table's default, but for created_by_id, which stays. When nothing changes, the version stays as well.
-- The embedding stays, though it was made of the old texts: have it made again.
-- @param expected_version  version of the recipe that was read
-- @param tags?  further words to filter by
-- @param icon_url?  address of a picture for the catalog
-- @param source_type?  how it is packaged; "helm" unless given
-- @param chart_version?  range of chart versions that the template fits; None for any
-- @param config_schema?  what a tenant can set: field name to its description
-- @param secrets_schema?  what must be kept secret: secret name to its description
-- @param values_template?  Helm values with Mustache tags
-- @param dependencies?  what must run before it
-- @param ingress_config?  how it is reached from outside; {} for not at all
-- @param resource_defaults?  what its pod requests
-- @param resource_limits?  what its pod may use at most
-- @param health_check?  how to tell that it works
-- @param ai_hints?  what the agent is told of it
-- @param tier?  who vouches for it; COMMUNITY unless given
-- @param status?  DRAFT unless given
-- @param created_by_id?  id of the user who made it; None leaves it as it is
WITH given AS (
  SELECT
    :slug::text AS slug,
    :display_name::text AS display_name,
    :description::text AS description,
    :category::text AS category,
    coalesce(:tags::text[], '{}') AS tags,
    :icon_url::text AS icon_url,
    coalesce(:source_type::text, 'helm') AS source_type,
    :chart_url::text AS chart_url,
    :chart_version::text AS chart_version,
    coalesce(:config_schema::jsonb, '{}') AS config_schema,
    coalesce(:secrets_schema::jsonb, '{}') AS secrets_schema,
    coalesce(:values_template::text, '') AS values_template,
    coalesce(:dependencies::jsonb, '[]') AS dependencies,
    coalesce(:ingress_config::jsonb, '{}') AS ingress_config,
    coalesce(:resource_defaults::jsonb, '{}') AS resource_defaults,
    coalesce(:resource_limits::jsonb, '{}') AS resource_limits,
    coalesce(:health_check::jsonb, '{}') AS health_check,
    coalesce(:ai_hints::jsonb, '{}') AS ai_hints,
    coalesce(:tier::"RecipeTier", 'COMMUNITY') AS tier,
    coalesce(:status::"RecipeStatus", 'DRAFT') AS status,
    :created_by_id::text AS created_by_id
)
UPDATE recipes AS present
SET
  slug = given.slug,
  display_name = given.display_name,
  description = given.description,
  category = given.category,
  tags = given.tags,
  icon_url = given.icon_url,
  source_type = given.source_type,
  chart_url = given.chart_url,
  chart_version = given.chart_version,
  config_schema = given.config_schema,
  secrets_schema = given.secrets_schema,
  values_template = given.values_template,
  dependencies = given.dependencies,
  ingress_config = given.ingress_config,
  resource_defaults = given.resource_defaults,
  resource_limits = given.resource_limits,
  health_check = given.health_check,
  ai_hints = given.ai_hints,
  tier = given.tier,
  status = given.status,
  created_by_id = coalesce(given.created_by_id, present.created_by_id),
  version = present.version + (
    ROW (
      present.slug, present.display_name, present.description, present.category, coalesce(present.tags, '{}'),
      present.icon_url, present.source_type, present.chart_url, present.chart_version, present.config_schema,
      present.secrets_schema, present.values_template, present.dependencies, present.ingress_config,
      present.resource_defaults, present.resource_limits, present.health_check, present.ai_hints, present.tier,
      present.status, present.created_by_id
    ) IS DISTINCT FROM ROW (
      given.slug, given.display_name, given.description, given.category, given.tags, given.icon_url, given.source_type,
      given.chart_url, given.chart_version, given.config_schema, given.secrets_schema, given.values_template,
      given.dependencies, given.ingress_config, given.resource_defaults, given.resource_limits, given.health_check,
      given.ai_hints, given.tier, given.status, coalesce(given.created_by_id, present.created_by_id)
    )
  )::integer
FROM given
WHERE present.id = :id
  AND present.version = :expected_version
RETURNING
  present.id, present.slug, present.display_name, present.description, present.category, present.tags, present.icon_url,
  present.source_type, present.chart_url, present.chart_version, present.config_schema, present.secrets_schema,
  present.values_template, present.dependencies, present.ingress_config, present.resource_defaults,
  present.resource_limits, present.health_check, present.ai_hints, present.tier, present.status, present.created_by_id,
  present.version, present.created_at, present.updated_at;

-- name: get :optional
-- The recipe with this id, whatever its status.
SELECT
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at
FROM recipes
WHERE id = :id;

-- name: get_by_slug :optional
-- The recipe with this slug, whatever its status.
SELECT
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at
FROM recipes
WHERE slug = :slug;

-- name: get_many :many
-- The recipes with these ids, in the order of the ids; unknown ones are passed over, and one given twice comes once.
SELECT
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at
FROM recipes
WHERE id = ANY (:ids)
ORDER BY array_position(:ids, id);

-- name: list_published :many
-- Published recipes by display name; a page at a time.
-- @param category?  only this category; None means all
-- @param tag?  only those with this tag; None means all
-- @param after_display_name?  display_name of the last row seen, together with after_id; None for the first page
-- @param after_id?  id of the last row seen; half a cursor gives no rows
-- @param limit  rows a page
SELECT
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at
FROM recipes
WHERE status = 'PUBLISHED'
  AND (display_name, id) > (
    CASE num_nulls(:after_display_name::text, :after_id::text)
      WHEN 0 THEN :after_display_name
      WHEN 2 THEN ''
    END,
    coalesce(:after_id, '')
  )
  AND (:category::text IS NULL OR category = :category)
  AND (:tag::text IS NULL OR tags @> ARRAY[:tag])
ORDER BY display_name, id
LIMIT coalesce(:limit, -1);

-- name: list_all :many
-- Recipes of every status in the order in which they came, drafts and deprecated ones too; a page at a time.
-- @param status?  only those with this status; None means all
-- @param after_created_at?  created_at of the last row seen, together with after_id; None for the first page
-- @param after_id?  id of the last row seen; half a cursor gives no rows
-- @param limit  rows a page
SELECT
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at
FROM recipes
WHERE (created_at, id) > (
    CASE num_nulls(:after_created_at::timestamptz, :after_id::text)
      WHEN 0 THEN :after_created_at
      WHEN 2 THEN '-infinity'
    END,
    coalesce(:after_id, '')
  )
  AND (:status::"RecipeStatus" IS NULL OR status = :status)
ORDER BY created_at, id
LIMIT coalesce(:limit, -1);

-- name: list_categories :many
-- The categories that have published recipes, in alphabetical order, each with their number.
-- @column recipe_count!
SELECT category, count(*) AS recipe_count
FROM recipes
WHERE status = 'PUBLISHED'
GROUP BY category
ORDER BY category;

-- name: set_status :one
-- Publish a recipe, take it back to DRAFT, or withdraw it: DEPRECATED is the soft delete.
-- The status is content: a change is a new version. The status that it has already changes nothing.
UPDATE recipes
SET
  status = :status,
  version = version + (status <> :status)::integer
WHERE slug = :slug
RETURNING
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at;

-- name: set_embedding :one
-- Store the meaning of a recipe's texts, or clear it; no new version.
-- @param embedding?  1536 numbers; None clears
UPDATE recipes
SET embedding = :embedding
WHERE id = :id
RETURNING
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at;

-- name: list_missing_embedding :many
-- Recipes of every status that have no embedding yet, by id; a page at a time.
-- @param after_id?  id of the last row seen; None for the first page
-- @param limit  rows a page
SELECT
  id, slug, display_name, description, category, tags, icon_url, source_type, chart_url, chart_version, config_schema,
  secrets_schema, values_template, dependencies, ingress_config, resource_defaults, resource_limits, health_check,
  ai_hints, tier, status, created_by_id, version, created_at, updated_at
FROM recipes
WHERE embedding IS NULL
  AND id > coalesce(:after_id, '')
ORDER BY id
LIMIT coalesce(:limit, -1);

-- name: search :many
-- Published recipes by meaning, the nearest first; those without an embedding cannot be found.
-- `similarity` is the cosine similarity: 1 for the same direction, 0 for nothing in common, -1 for the opposite.
-- @param embedding  1536 numbers, from the model that made the recipes' embeddings
-- @param category?  only this category; None means all
-- @param limit  how many at most
-- @column similarity!
SELECT
  id, slug, display_name, description, category, tier,
  1 - (embedding <=> :embedding::vector) AS similarity
FROM recipes
WHERE status = 'PUBLISHED'
  AND embedding IS NOT NULL
  AND (:category::text IS NULL OR category = :category)
ORDER BY embedding <=> :embedding, id
LIMIT coalesce(:limit, -1);

-- name: search_text :many
-- Published recipes by their words, the best match first.
-- Words of the display name weigh most, then those of description, tags, category and the hints' summary. All words of
-- the query must occur, in whichever form ("databases" finds "database"); the last may be the beginning of one.
-- "quoted phrases", or and -without work as in a search engine. No input is an error; one without words finds nothing.
-- @param query  what a person typed; words after the first 1,000 characters are not looked at
-- @param category?  only this category; None means all
-- @param limit  how many at most
-- @column rank!
WITH typed AS MATERIALIZED (
  -- Written out, a tsquery ends with the quote of its last word, where the mark of a prefix goes.
  SELECT regexp_replace(websearch_to_tsquery('english', left(:query, 1000))::text, '''$', ''':*')::tsquery AS words
)
SELECT
  r.id, r.slug, r.display_name, r.description, r.category, r.tier,
  -- There are four weights for five fields: the summary counts half as much as the least of them.
  ts_rank(document.main, typed.words) + ts_rank(document.summary, typed.words) / 2 AS rank
FROM typed
CROSS JOIN recipes AS r
CROSS JOIN LATERAL (
  SELECT
    setweight(to_tsvector('english', r.display_name), 'A')
      || setweight(to_tsvector('english', r.description), 'B')
      || setweight(to_tsvector('english', array_to_string(coalesce(r.tags, '{}'), ' ')), 'C')
      || setweight(to_tsvector('english', r.category), 'D') AS main,
    to_tsvector('english', coalesce(r.ai_hints ->> 'summary', '')) AS summary
) AS document
WHERE r.status = 'PUBLISHED'
  AND document.main || document.summary @@ typed.words
  AND (:category::text IS NULL OR r.category = :category)
ORDER BY rank DESC, r.id
LIMIT coalesce(:limit, -1);

-- name: search_hybrid :many
-- Published recipes by meaning and by words at once, the best of both first: see `search` and `search_text`.
-- Reciprocal rank fusion: `score` is the sum of 1 / (60 + place) over the rankings in which a recipe is found, so at
-- most 2/61. Each ranking gives its first 100, or as many as are asked for.
-- @param query  what a person typed
-- @param embedding  1536 numbers for the same query, from the model that made the recipes' embeddings
-- @param category?  only this category; None means all
-- @param limit  how many at most
-- @column score!
WITH typed AS MATERIALIZED (
  SELECT regexp_replace(websearch_to_tsquery('english', left(:query, 1000))::text, '''$', ''':*')::tsquery AS words
),
by_meaning AS (
  SELECT nearest.id, row_number() OVER (ORDER BY nearest.distance, nearest.id) AS place
  FROM (
    SELECT id, embedding <=> :embedding::vector AS distance
    FROM recipes
    WHERE status = 'PUBLISHED'
      AND embedding IS NOT NULL
      AND (:category::text IS NULL OR category = :category)
    ORDER BY embedding <=> :embedding, id
    LIMIT greatest(:limit, 100)
  ) AS nearest
),
by_words AS (
  SELECT best.id, row_number() OVER (ORDER BY best.rank DESC, best.id) AS place
  FROM (
    SELECT r.id, ts_rank(document.main, typed.words) + ts_rank(document.summary, typed.words) / 2 AS rank
    FROM typed
    CROSS JOIN recipes AS r
    CROSS JOIN LATERAL (
      SELECT
        setweight(to_tsvector('english', r.display_name), 'A')
          || setweight(to_tsvector('english', r.description), 'B')
          || setweight(to_tsvector('english', array_to_string(coalesce(r.tags, '{}'), ' ')), 'C')
          || setweight(to_tsvector('english', r.category), 'D') AS main,
        to_tsvector('english', coalesce(r.ai_hints ->> 'summary', '')) AS summary
    ) AS document
    WHERE r.status = 'PUBLISHED'
      AND document.main || document.summary @@ typed.words
      AND (:category::text IS NULL OR r.category = :category)
    ORDER BY rank DESC, r.id
    LIMIT greatest(:limit, 100)
  ) AS best
),
fused AS (
  SELECT ranked.id, sum(1 / (60 + ranked.place)::double precision) AS score
  FROM (
    SELECT id, place FROM by_meaning
    UNION ALL
    SELECT id, place FROM by_words
  ) AS ranked
  GROUP BY ranked.id
  ORDER BY score DESC, ranked.id
  LIMIT coalesce(:limit, -1)
)
SELECT r.id, r.slug, r.display_name, r.description, r.category, r.tier, fused.score
FROM fused
JOIN recipes AS r ON r.id = fused.id
ORDER BY fused.score DESC, r.id;

-- name: restore_version :one
-- Make a recipe what it was at one of its versions, as a new version.
-- All content is taken from the snapshot: the slug, the status and who made it as well. id, created_at and the
-- embedding stay; so does a column that the snapshot does not know, because it is older. When nothing differs, the
-- version stays. NoRowError means that there is no such recipe or version; UniqueViolation, that another recipe has
-- taken the old slug.
-- @param version  the version to go back to
UPDATE recipes AS present
SET
  slug = past.slug,
  display_name = past.display_name,
  description = past.description,
  category = past.category,
  tags = past.tags,
  icon_url = past.icon_url,
  source_type = past.source_type,
  chart_url = past.chart_url,
  chart_version = past.chart_version,
  config_schema = past.config_schema,
  secrets_schema = past.secrets_schema,
  values_template = past.values_template,
  dependencies = past.dependencies,
  ingress_config = past.ingress_config,
  resource_defaults = past.resource_defaults,
  resource_limits = past.resource_limits,
  health_check = past.health_check,
  ai_hints = past.ai_hints,
  tier = past.tier,
  status = past.status,
  created_by_id = past.created_by_id,
  version = present.version + (
    ROW (
      present.slug, present.display_name, present.description, present.category, coalesce(present.tags, '{}'),
      present.icon_url, present.source_type, present.chart_url, present.chart_version, present.config_schema,
      present.secrets_schema, present.values_template, present.dependencies, present.ingress_config,
      present.resource_defaults, present.resource_limits, present.health_check, present.ai_hints, present.tier,
      present.status, present.created_by_id
    ) IS DISTINCT FROM ROW (
      past.slug, past.display_name, past.description, past.category, coalesce(past.tags, '{}'), past.icon_url,
      past.source_type, past.chart_url, past.chart_version, past.config_schema, past.secrets_schema,
      past.values_template, past.dependencies, past.ingress_config, past.resource_defaults, past.resource_limits,
      past.health_check, past.ai_hints, past.tier, past.status, past.created_by_id
    )
  )::integer
FROM recipes AS base
JOIN recipe_versions AS v ON v.recipe_id = base.id
CROSS JOIN LATERAL jsonb_populate_record(base, v.snapshot) AS past
WHERE present.id = :id
  AND base.id = present.id
  AND v.version = :version
RETURNING
  present.id, present.slug, present.display_name, present.description, present.category, present.tags, present.icon_url,
  present.source_type, present.chart_url, present.chart_version, present.config_schema, present.secrets_schema,
  present.values_template, present.dependencies, present.ingress_config, present.resource_defaults,
  present.resource_limits, present.health_check, present.ai_hints, present.tier, present.status, present.created_by_id,
  present.version, present.created_at, present.updated_at;

-- name: delete :execrows
-- Delete a recipe with its versions; return 1, or 0 if there is none with this id.
-- Refused while deployments use it: psycopg.errors.RestrictViolation or ForeignKeyViolation, by the server's version.
-- To withdraw a recipe, set its status to DEPRECATED.
DELETE FROM recipes
WHERE id = :id;

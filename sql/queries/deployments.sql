-- What runs for whom. Rows belong to a tenant: every query takes its id, but for those of the platform's own workers,
-- which come last and say so.
--
-- Pages go by key: (created_at, id) of the last row seen, both or neither. Without one the page starts
-- below every key: the comparison is an index condition either way, under a generic plan as well.
-- A limit of null would mean all rows; as -1 the server refuses it.

-- name: create :one
-- Ask for a deployment: it is PENDING until a worker claims it.
-- A name that the tenant already uses raises psycopg.errors.UniqueViolation; a tenant or recipe that is not there,
-- ForeignKeyViolation.
-- @param recipe_version  the version of the recipe that it is made from
-- @param config  field of the recipe's config_schema to value
-- @param depends_on  ids of the tenant's deployments that it needs
-- @param secrets_ref?  name of the Kubernetes Secret with its passwords, never a secret itself
INSERT INTO deployments (
  tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, depends_on, secrets_ref
)
VALUES (
  :tenant_id, :recipe_id, :recipe_version, :name, :namespace, :helm_release, :config, :depends_on, :secrets_ref
)
RETURNING
  id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, secrets_ref, status, url,
  error_message, depends_on, created_at, updated_at;

-- name: get :optional
-- The deployment with this id, if it is of this tenant, with its recipe's slug, display name and icon.
SELECT
  d.id, d.tenant_id, d.recipe_id, d.recipe_version, d.name, d.namespace, d.helm_release, d.config, d.secrets_ref,
  d.status, d.url, d.error_message, d.depends_on, d.created_at, d.updated_at,
  r.slug AS recipe_slug,
  r.display_name AS recipe_display_name,
  r.icon_url AS recipe_icon_url
FROM deployments AS d
JOIN recipes AS r ON r.id = d.recipe_id
WHERE d.id = :id
  AND d.tenant_id = :tenant_id;

-- name: get_by_name :optional
-- The tenant's deployment of this name, with its recipe's slug, display name and icon.
SELECT
  d.id, d.tenant_id, d.recipe_id, d.recipe_version, d.name, d.namespace, d.helm_release, d.config, d.secrets_ref,
  d.status, d.url, d.error_message, d.depends_on, d.created_at, d.updated_at,
  r.slug AS recipe_slug,
  r.display_name AS recipe_display_name,
  r.icon_url AS recipe_icon_url
FROM deployments AS d
JOIN recipes AS r ON r.id = d.recipe_id
WHERE d.tenant_id = :tenant_id
  AND d.name = :name;

-- name: list_by_tenant :many
-- A tenant's deployments in the order in which they came, each with its recipe's slug, display name and icon; a page
-- at a time.
-- @param status?  only those with this status; None means all
-- @param after_created_at?  created_at of the last row seen, together with after_id; None for the first page
-- @param after_id?  id of the last row seen; half a cursor gives no rows
-- @param limit  rows a page
SELECT
  d.id, d.tenant_id, d.recipe_id, d.recipe_version, d.name, d.namespace, d.helm_release, d.config, d.secrets_ref,
  d.status, d.url, d.error_message, d.depends_on, d.created_at, d.updated_at,
  r.slug AS recipe_slug,
  r.display_name AS recipe_display_name,
  r.icon_url AS recipe_icon_url
FROM deployments AS d
JOIN recipes AS r ON r.id = d.recipe_id
WHERE d.tenant_id = :tenant_id
  AND (d.created_at, d.id) > (
    CASE num_nulls(:after_created_at::timestamptz, :after_id::text)
      WHEN 0 THEN :after_created_at
      WHEN 2 THEN '-infinity'
    END,
    coalesce(:after_id, '')
  )
  AND (:status::"DeploymentStatus" IS NULL OR d.status = :status)
ORDER BY d.created_at, d.id
LIMIT coalesce(:limit, -1);

-- name: upgrade :one
-- Record that a deployment shall run another version of its recipe, with the config that fits it.
-- The status stays: to have a worker carry it out, `transition` it to PENDING in the same transaction.
-- @param config  the whole config as it shall be
UPDATE deployments
SET
  recipe_version = :recipe_version,
  config = :config
WHERE id = :id
  AND tenant_id = :tenant_id
RETURNING
  id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, secrets_ref, status, url,
  error_message, depends_on, created_at, updated_at;

-- name: set_config :one
-- Replace a deployment's whole config; status and version stay.
UPDATE deployments
SET config = :config
WHERE id = :id
  AND tenant_id = :tenant_id
RETURNING
  id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, secrets_ref, status, url,
  error_message, depends_on, created_at, updated_at;

-- name: set_url :one
-- Say where a deployment is reached.
-- @param url?  None while it has no address
UPDATE deployments
SET url = :url
WHERE id = :id
  AND tenant_id = :tenant_id
RETURNING
  id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, secrets_ref, status, url,
  error_message, depends_on, created_at, updated_at;

-- name: set_depends_on :one
-- Replace the list of what a deployment needs.
-- @param depends_on  ids of the tenant's deployments; [] for none
UPDATE deployments
SET depends_on = :depends_on
WHERE id = :id
  AND tenant_id = :tenant_id
RETURNING
  id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, secrets_ref, status, url,
  error_message, depends_on, created_at, updated_at;

-- name: list_dependents :many
-- The tenant's deployments that need this one directly, by name: what would suffer if it went.
SELECT
  id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, secrets_ref, status, url,
  error_message, depends_on, created_at, updated_at
FROM deployments
WHERE tenant_id = :tenant_id
  AND depends_on @> ARRAY[:id::text]
ORDER BY name;

-- name: list_in_dependency_order :many
-- All of a tenant's deployments, each after everything that it needs: the order in which to start them.
-- `depth` is the length of the longest chain of dependencies below it, 0 for one that needs nothing; those of one depth
-- can be started together. Ids in depends_on that are no deployment of this tenant are passed over.
-- Where dependencies form a circle there is no order: `in_cycle` marks those on it; they, and all that need them,
-- come last and have no depth. It ends in any case, and after a number of steps that is polynomial.
-- @column in_cycle!
WITH RECURSIVE mine AS (
  SELECT
    id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, secrets_ref, status, url,
    error_message, depends_on, created_at, updated_at
  FROM deployments
  WHERE tenant_id = :tenant_id
),
edges AS (
  SELECT DISTINCT dependent.id AS dependent, dependency.id AS dependency
  FROM mine AS dependent
  CROSS JOIN unnest(dependent.depends_on) AS needed (id)
  JOIN mine AS dependency ON dependency.id = needed.id
),
-- Every length of a chain that ends at a deployment, each once (UNION, not UNION ALL: the number of chains themselves
-- can double with every layer). A chain as long as there are deployments has gone round.
chains AS (
  SELECT id, 0 AS length
  FROM mine
  UNION
  SELECT edges.dependent, chains.length + 1
  FROM chains
  JOIN edges ON edges.dependency = chains.id
  WHERE chains.length < (SELECT count(*) FROM mine)
),
longest AS (
  SELECT id, max(length) AS length
  FROM chains
  GROUP BY id
),
endless AS (
  SELECT id
  FROM longest
  WHERE length = (SELECT count(*) FROM mine)
),
-- Everything that those without an order need, directly or not.
needs AS (
  SELECT edges.dependent, edges.dependency
  FROM edges
  JOIN endless ON endless.id = edges.dependent
  UNION
  SELECT needs.dependent, edges.dependency
  FROM needs
  JOIN edges ON edges.dependent = needs.dependency
)
SELECT
  mine.id, mine.tenant_id, mine.recipe_id, mine.recipe_version, mine.name, mine.namespace, mine.helm_release,
  mine.config, mine.secrets_ref, mine.status, mine.url, mine.error_message, mine.depends_on, mine.created_at,
  mine.updated_at,
  CASE WHEN longest.length < (SELECT count(*) FROM mine) THEN longest.length END AS depth,
  EXISTS (SELECT FROM needs WHERE needs.dependent = mine.id AND needs.dependency = mine.id) AS in_cycle
FROM mine
JOIN longest ON longest.id = mine.id
ORDER BY depth NULLS LAST, mine.name;

-- name: graph :one
-- A tenant's deployments as nodes and edges, by name: what the canvas draws, in one round trip.
-- `nodes` is a list of objects: id, name, status, url, error_message, recipe_slug, recipe_display_name,
-- recipe_icon_url. `edges` is a list of {"source", "target"}: the deployment `source` needs the deployment `target`;
-- ids in depends_on that are no deployment of this tenant are passed over. A tenant without deployments has two
-- empty lists.
-- @column nodes!
-- @column edges!
SELECT
  (
    SELECT coalesce(
      jsonb_agg(
        jsonb_build_object(
          'id', d.id,
          'name', d.name,
          'status', d.status,
          'url', d.url,
          'error_message', d.error_message,
          'recipe_slug', r.slug,
          'recipe_display_name', r.display_name,
          'recipe_icon_url', r.icon_url
        )
        ORDER BY d.name
      ),
      '[]'
    )
    FROM deployments AS d
    JOIN recipes AS r ON r.id = d.recipe_id
    WHERE d.tenant_id = :tenant_id
  ) AS nodes,
  (
    SELECT coalesce(
      jsonb_agg(
        jsonb_build_object('source', dependent.id, 'target', dependency.id)
        ORDER BY dependent.name, dependency.name
      ),
      '[]'
    )
    FROM deployments AS dependent
    JOIN deployments AS dependency
      ON dependency.tenant_id = dependent.tenant_id
      AND dependency.id = ANY (dependent.depends_on)
    WHERE dependent.tenant_id = :tenant_id
  ) AS edges;

-- name: count_by_status :many
-- How many deployments a tenant has in each status, in the order of the statuses; one that none has is not listed.
-- @column deployment_count!
SELECT status, count(*) AS deployment_count
FROM deployments
WHERE tenant_id = :tenant_id
GROUP BY status
ORDER BY status;

-- name: delete :execrows
-- Delete the record of a deployment; return 1, or 0 if the tenant has none with this id.
-- What runs in Kubernetes is not touched: let a worker take it down first.
DELETE FROM deployments
WHERE id = :id
  AND tenant_id = :tenant_id;

-- name: list_by_status :many
-- Worker: deployments of all tenants in these statuses, the oldest first.
-- Each status gives its own first rows, in the order of an index, and these few are merged: to ask for RUNNING does not
-- sort all that run.
-- @param limit  how many at most
SELECT
  oldest.id, oldest.tenant_id, oldest.recipe_id, oldest.recipe_version, oldest.name, oldest.namespace,
  oldest.helm_release, oldest.config, oldest.secrets_ref, oldest.status, oldest.url, oldest.error_message,
  oldest.depends_on, oldest.created_at, oldest.updated_at
FROM (SELECT DISTINCT unnest(:statuses::"DeploymentStatus"[]) AS status) AS wanted
CROSS JOIN LATERAL (
  SELECT
    d.id, d.tenant_id, d.recipe_id, d.recipe_version, d.name, d.namespace, d.helm_release, d.config, d.secrets_ref,
    d.status, d.url, d.error_message, d.depends_on, d.created_at, d.updated_at
  FROM deployments AS d
  WHERE d.status = wanted.status
  ORDER BY d.created_at, d.id
  LIMIT coalesce(:limit, -1)
) AS oldest
ORDER BY oldest.created_at, oldest.id
LIMIT :limit;

-- name: claim_pending :many
-- Worker: take PENDING deployments of ACTIVE tenants, the oldest first, and return them as DEPLOYING.
-- Each is taken by one worker only: rows that another one is taking at this moment are passed over, not waited for.
-- An empty list means that there is nothing to do now. See `requeue_stale` for workers that die.
-- @param limit  how many at most
WITH claimable AS MATERIALIZED (
  SELECT d.id
  FROM deployments AS d
  JOIN tenants AS t ON t.id = d.tenant_id
  WHERE d.status = 'PENDING'
    AND t.status = 'ACTIVE'
  ORDER BY d.created_at, d.id
  LIMIT coalesce(:limit, -1)
  FOR UPDATE OF d SKIP LOCKED
),
claimed AS (
  UPDATE deployments
  SET status = 'DEPLOYING'
  WHERE id = ANY (ARRAY(SELECT claimable.id FROM claimable))
  RETURNING
    id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, secrets_ref, status, url,
    error_message, depends_on, created_at, updated_at
)
SELECT
  id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, secrets_ref, status, url,
  error_message, depends_on, created_at, updated_at
FROM claimed
ORDER BY created_at, id;

-- name: transition :optional
-- Worker: move a deployment to another status if it is still in one of those expected (compare-and-set).
-- None means that another one was first, or that there is no such deployment; nothing is written then.
-- @param from_statuses  the statuses from which the move is right
-- @param url?  where it is reached from now on; None for nowhere
-- @param error_message?  why it FAILED, for people; None clears an old one
UPDATE deployments
SET
  status = :to_status,
  url = :url,
  error_message = :error_message
WHERE id = :id
  AND status = ANY (:from_statuses)
RETURNING
  id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release, config, secrets_ref, status, url,
  error_message, depends_on, created_at, updated_at;

-- name: requeue_stale :many
-- Worker: give deployments whose worker died back to the queue, and return their ids.
-- A worker counts as dead when its DEPLOYING row has not been written for longer than older_than; one that is being
-- written at this moment is passed over.
-- @param older_than  longer than any deployment takes between two writes
WITH stale AS MATERIALIZED (
  SELECT id
  FROM deployments
  WHERE status = 'DEPLOYING'
    AND updated_at < statement_timestamp() - :older_than::interval
  ORDER BY id
  FOR UPDATE SKIP LOCKED
)
UPDATE deployments
SET status = 'PENDING'
WHERE id = ANY (ARRAY(SELECT stale.id FROM stale))
RETURNING id;

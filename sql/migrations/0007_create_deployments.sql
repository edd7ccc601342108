-- What runs for whom: a recipe, at one of its versions, deployed for a tenant.
-- Neither the tenant nor the recipe can be deleted while a deployment is there (RESTRICT).
-- depends: 0006_create_recipes_and_stacks
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

CREATE TABLE deployments (
  id text NOT NULL DEFAULT cuid(),
  tenant_id text NOT NULL,
  recipe_id text NOT NULL,
  -- 32 bits, because the older clients read no more.
  -- squawk-ignore prefer-bigint-over-int
  recipe_version integer NOT NULL,
  name text NOT NULL,
  namespace text NOT NULL,
  helm_release text NOT NULL,
  config jsonb NOT NULL DEFAULT '{}',
  secrets_ref text,
  status "DeploymentStatus" NOT NULL DEFAULT 'PENDING',
  url text,
  error_message text,
  depends_on text[] DEFAULT '{}',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT deployments_pkey PRIMARY KEY (id),
  CONSTRAINT deployments_tenant_id_name_key UNIQUE (tenant_id, name),
  CONSTRAINT deployments_tenant_id_fkey FOREIGN KEY (tenant_id)
    REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT deployments_recipe_id_fkey FOREIGN KEY (recipe_id)
    REFERENCES recipes (id) ON UPDATE CASCADE ON DELETE RESTRICT
);

CREATE TRIGGER deployments_set_updated_at
  BEFORE UPDATE ON deployments
  FOR EACH ROW
  WHEN (OLD.* *<> NEW.*)
  EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE deployments IS 'One row a recipe that runs, shall run or ran for a tenant.';
COMMENT ON COLUMN deployments.id IS 'cuid; made by the database unless the client sends its own.';
COMMENT ON COLUMN deployments.tenant_id IS 'The tenant that it runs for.';
COMMENT ON COLUMN deployments.recipe_id IS 'The recipe that it was made from.';
COMMENT ON COLUMN deployments.recipe_version IS 'recipes.version at the time of the deployment or of its last upgrade.';
COMMENT ON COLUMN deployments.name IS 'The tenant''s own name for it, unique for the tenant, such as "my-postgresql".';
COMMENT ON COLUMN deployments.namespace IS 'Kubernetes namespace that it runs in: the tenant''s.';
COMMENT ON COLUMN deployments.helm_release IS 'Name of the Helm release within the namespace.';
COMMENT ON COLUMN deployments.config IS 'What was set for the recipe''s config_schema: an object, field name to value.';
COMMENT ON COLUMN deployments.secrets_ref IS 'Name of the Kubernetes Secret with its passwords, never a secret itself; null if it has none.';
COMMENT ON COLUMN deployments.status IS 'Where it stands, from PENDING on; written by the deploying workers.';
COMMENT ON COLUMN deployments.url IS 'Where its users reach it; null while it has no address.';
COMMENT ON COLUMN deployments.error_message IS 'Why it is FAILED, for people; null otherwise.';
COMMENT ON COLUMN deployments.depends_on IS 'Ids of the deployments, of the same tenant, that it needs; null reads as none.';
COMMENT ON COLUMN deployments.created_at IS 'When the row was made, to the millisecond.';
COMMENT ON COLUMN deployments.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

-- The catalog: recipes (services that can be deployed), their past versions, and stacks
-- (bundles of recipes). Curators write it, tenants and the agent read it.
-- depends: 0005_create_tenants_and_users
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

CREATE TABLE recipes (
  id text NOT NULL DEFAULT cuid(),
  slug text NOT NULL,
  display_name text NOT NULL,
  description text NOT NULL,
  category text NOT NULL,
  tags text[] DEFAULT '{}',
  icon_url text,
  source_type text NOT NULL DEFAULT 'helm',
  chart_url text NOT NULL,
  chart_version text,
  config_schema jsonb NOT NULL DEFAULT '{}',
  secrets_schema jsonb NOT NULL DEFAULT '{}',
  values_template text NOT NULL DEFAULT '',
  dependencies jsonb NOT NULL DEFAULT '[]',
  ingress_config jsonb NOT NULL DEFAULT '{}',
  resource_defaults jsonb NOT NULL DEFAULT '{}',
  resource_limits jsonb NOT NULL DEFAULT '{}',
  health_check jsonb NOT NULL DEFAULT '{}',
  ai_hints jsonb NOT NULL DEFAULT '{}',
  embedding vector(1536),
  tier "RecipeTier" NOT NULL DEFAULT 'COMMUNITY',
  status "RecipeStatus" NOT NULL DEFAULT 'DRAFT',
  created_by_id text,
  -- 32 bits, because the older clients read no more.
  -- squawk-ignore prefer-bigint-over-int
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT recipes_pkey PRIMARY KEY (id),
  CONSTRAINT recipes_slug_key UNIQUE (slug)
);

CREATE TRIGGER recipes_set_updated_at
  BEFORE UPDATE ON recipes
  FOR EACH ROW
  WHEN (OLD.* *<> NEW.*)
  EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE recipes IS 'One row a service that can be deployed: where its chart is, what can be configured, and how the agent speaks of it.';
COMMENT ON COLUMN recipes.id IS 'cuid; made by the database unless the client sends its own.';
COMMENT ON COLUMN recipes.slug IS 'Short unique name by which other recipes, stacks and the agent refer to it, such as "postgresql".';
COMMENT ON COLUMN recipes.display_name IS 'The name that people see, such as "PostgreSQL".';
COMMENT ON COLUMN recipes.description IS 'What the service is and does, in a few sentences for people.';
COMMENT ON COLUMN recipes.category IS 'One word to group by: "database", "automation", "monitoring", "storage", "analytics" and the like.';
COMMENT ON COLUMN recipes.tags IS 'Further words to filter by; null reads as no tags.';
COMMENT ON COLUMN recipes.icon_url IS 'Address of a picture for the catalog; null for none.';
COMMENT ON COLUMN recipes.source_type IS 'How it is packaged; "helm" is the only one so far.';
COMMENT ON COLUMN recipes.chart_url IS 'The Helm chart: "repository/chart" such as "bitnami/postgresql", or an oci:// address.';
COMMENT ON COLUMN recipes.chart_version IS 'Range of chart versions that the values template fits, such as ">=15.0.0"; null for any.';
COMMENT ON COLUMN recipes.config_schema IS
  'What a tenant can set: field name to {"type": "string"|"number"|"boolean"|"select", "default", "options", "min", "max", "label", "description", "required"}.';
COMMENT ON COLUMN recipes.secrets_schema IS
  'What must be kept secret: secret name to {"description", "generate": whether the platform makes it, "length": in characters}.';
COMMENT ON COLUMN recipes.values_template IS
  'Helm values in YAML with Mustache tags: {{config.x}}, {{secrets.x}}, {{deps.alias.host}}; rendered by the deploying worker.';
COMMENT ON COLUMN recipes.dependencies IS
  'What must run before it: a list of {"service": slug of a recipe, "alias": its name in the template, "config": object}.';
COMMENT ON COLUMN recipes.ingress_config IS
  'How it is reached from outside: {"enabled", "hostnameTemplate": "n8n-{tenant}.{domain}", "port", "path"}; {} for not at all.';
COMMENT ON COLUMN recipes.resource_defaults IS 'What its pod requests: {"cpu": "250m", "memory": "256Mi"}, Kubernetes quantities as text.';
COMMENT ON COLUMN recipes.resource_limits IS 'What its pod may use at most, in the same form as resource_defaults.';
COMMENT ON COLUMN recipes.health_check IS
  'How to tell that it works: {"type": "tcp"|"http"|"exec", "port", "path", "intervalSeconds": in seconds}.';
COMMENT ON COLUMN recipes.ai_hints IS
  'What the agent is told of it: {"summary", "whenToSuggest", "pairsWellWith": list of recipe slugs}.';
COMMENT ON COLUMN recipes.embedding IS
  'Meaning of name, description, category, tags and summary as 1536 numbers (text-embedding-3-small), set by the services; null until then.';
COMMENT ON COLUMN recipes.tier IS 'Who vouches for it: OFFICIAL, VERIFIED or COMMUNITY.';
COMMENT ON COLUMN recipes.status IS 'Only PUBLISHED is offered; DRAFT is being written, DEPRECATED is withdrawn.';
COMMENT ON COLUMN recipes.created_by_id IS 'Id of the user who made it; no foreign key, so that it outlives the user; null for the platform itself.';
COMMENT ON COLUMN recipes.version IS 'Counts the changes of the content, from 1; deployments remember the one they were made from.';
COMMENT ON COLUMN recipes.created_at IS 'When the row was made, to the millisecond.';
COMMENT ON COLUMN recipes.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

CREATE TABLE recipe_versions (
  id text NOT NULL DEFAULT cuid(),
  recipe_id text NOT NULL,
  -- 32 bits, because the older clients read no more.
  -- squawk-ignore prefer-bigint-over-int
  version integer NOT NULL,
  snapshot jsonb NOT NULL,
  changed_by text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT recipe_versions_pkey PRIMARY KEY (id),
  CONSTRAINT recipe_versions_recipe_id_version_key UNIQUE (recipe_id, version),
  CONSTRAINT recipe_versions_recipe_id_fkey FOREIGN KEY (recipe_id)
    REFERENCES recipes (id) ON UPDATE CASCADE ON DELETE CASCADE
);

COMMENT ON TABLE recipe_versions IS 'The audit trail of the catalog: the whole recipe as it stood at each version; rows are added, never changed.';
COMMENT ON COLUMN recipe_versions.id IS 'cuid; made by the database unless the client sends its own.';
COMMENT ON COLUMN recipe_versions.recipe_id IS 'The recipe; its versions go when it is deleted.';
COMMENT ON COLUMN recipe_versions.version IS 'recipes.version at that time; unique for the recipe.';
COMMENT ON COLUMN recipe_versions.snapshot IS 'The row of recipes as an object whose keys are the column names, without the embedding.';
COMMENT ON COLUMN recipe_versions.changed_by IS 'Who made the change: a user id or the name of a service; null if unknown.';
COMMENT ON COLUMN recipe_versions.created_at IS 'When the version was recorded, to the millisecond.';

CREATE TABLE stacks (
  id text NOT NULL DEFAULT cuid(),
  slug text NOT NULL,
  display_name text NOT NULL,
  description text NOT NULL,
  services jsonb NOT NULL,
  ai_hints jsonb NOT NULL DEFAULT '{}',
  embedding vector(1536),
  tier "RecipeTier" NOT NULL DEFAULT 'COMMUNITY',
  status "RecipeStatus" NOT NULL DEFAULT 'DRAFT',
  created_by_id text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT stacks_pkey PRIMARY KEY (id),
  CONSTRAINT stacks_slug_key UNIQUE (slug)
);

CREATE TRIGGER stacks_set_updated_at
  BEFORE UPDATE ON stacks
  FOR EACH ROW
  WHEN (OLD.* *<> NEW.*)
  EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE stacks IS 'Bundles of recipes that are deployed and wired together; no screen uses them yet.';
COMMENT ON COLUMN stacks.id IS 'cuid; made by the database unless the client sends its own.';
COMMENT ON COLUMN stacks.slug IS 'Short unique name of the bundle.';
COMMENT ON COLUMN stacks.display_name IS 'The name that people see.';
COMMENT ON COLUMN stacks.description IS 'What the bundle is for, in a few sentences for people.';
COMMENT ON COLUMN stacks.services IS
  'Its parts: a list of {"recipeSlug", "alias", "config": object, "wiring": how it is connected to the other parts}; has no default.';
COMMENT ON COLUMN stacks.ai_hints IS
  'What the agent is told of it: {"summary", "whenToSuggest", "pairsWellWith": list of recipe slugs}.';
COMMENT ON COLUMN stacks.embedding IS 'Meaning of its texts as 1536 numbers, as for recipes; set by the services; null until then.';
COMMENT ON COLUMN stacks.tier IS 'Who vouches for it: OFFICIAL, VERIFIED or COMMUNITY.';
COMMENT ON COLUMN stacks.status IS 'Only PUBLISHED is offered; DRAFT is being written, DEPRECATED is withdrawn.';
COMMENT ON COLUMN stacks.created_by_id IS 'Id of the user who made it; no foreign key, so that it outlives the user; null for the platform itself.';
COMMENT ON COLUMN stacks.created_at IS 'When the row was made, to the millisecond.';
COMMENT ON COLUMN stacks.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

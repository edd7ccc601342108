-- The schema after all migrations, for reading: what pg_dump says of it, without settings and owners.
-- Made by `python -m mathison_data.migrations.schema`; the migrations are what is applied.

-- Name: vector; Type: EXTENSION; Schema: -; Owner: -

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

-- Name: EXTENSION vector; Type: COMMENT; Schema: -; Owner: -

COMMENT ON EXTENSION vector IS 'Vector type and nearest-neighbour indexes (pgvector); installed by mathison-data.';

-- Name: DeploymentStatus; Type: TYPE; Schema: public; Owner: -

CREATE TYPE public."DeploymentStatus" AS ENUM (
    'PENDING',
    'DEPLOYING',
    'RUNNING',
    'FAILED',
    'STOPPED',
    'DELETING'
);

-- Name: TYPE "DeploymentStatus"; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TYPE public."DeploymentStatus" IS 'Life of a deployment: PENDING waits for a worker, DEPLOYING is in its hands, the others are what Kubernetes came to.';

-- Name: MessageRole; Type: TYPE; Schema: public; Owner: -

CREATE TYPE public."MessageRole" AS ENUM (
    'USER',
    'ASSISTANT',
    'SYSTEM',
    'TOOL'
);

-- Name: TYPE "MessageRole"; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TYPE public."MessageRole" IS 'Who speaks in a message: the person, the agent, the platform''s instructions, or a tool''s result.';

-- Name: RecipeStatus; Type: TYPE; Schema: public; Owner: -

CREATE TYPE public."RecipeStatus" AS ENUM (
    'DRAFT',
    'PUBLISHED',
    'DEPRECATED'
);

-- Name: TYPE "RecipeStatus"; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TYPE public."RecipeStatus" IS 'Life of a recipe or stack: only PUBLISHED is offered to tenants; DEPRECATED is how one is withdrawn.';

-- Name: RecipeTier; Type: TYPE; Schema: public; Owner: -

CREATE TYPE public."RecipeTier" AS ENUM (
    'OFFICIAL',
    'VERIFIED',
    'COMMUNITY'
);

-- Name: TYPE "RecipeTier"; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TYPE public."RecipeTier" IS 'Who vouches for a recipe or stack: the platform (OFFICIAL), a reviewed author (VERIFIED), its author alone (COMMUNITY).';

-- Name: Role; Type: TYPE; Schema: public; Owner: -

CREATE TYPE public."Role" AS ENUM (
    'ADMIN',
    'USER'
);

-- Name: TYPE "Role"; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TYPE public."Role" IS 'What a user may do within the tenant: ADMIN manages it, USER works in it.';

-- Name: TenantStatus; Type: TYPE; Schema: public; Owner: -

CREATE TYPE public."TenantStatus" AS ENUM (
    'ACTIVE',
    'SUSPENDED',
    'DELETED'
);

-- Name: TYPE "TenantStatus"; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TYPE public."TenantStatus" IS 'Whether a tenant may work: SUSPENDED is for a while, DELETED for good; the rows stay in both.';

-- Name: base36(bigint, integer); Type: FUNCTION; Schema: public; Owner: -

CREATE FUNCTION public.base36(value bigint, width integer) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
  digits text := '';
BEGIN
  FOR i IN 1 .. width LOOP
    digits := substr('0123456789abcdefghijklmnopqrstuvwxyz', (value % 36)::integer + 1, 1) || digits;
    value := value / 36;
  END LOOP;
  RETURN digits;
END
$$;

-- Name: FUNCTION base36(value bigint, width integer); Type: COMMENT; Schema: public; Owner: -

COMMENT ON FUNCTION public.base36(value bigint, width integer) IS 'The last width digits of a number that is not negative, to base 36, padded with zeros.';

-- Name: cuid_counter; Type: SEQUENCE; Schema: public; Owner: -

CREATE SEQUENCE public.cuid_counter
    START WITH 0
    INCREMENT BY 1
    MINVALUE 0
    MAXVALUE 1679615
    CACHE 1
    CYCLE;

-- Name: SEQUENCE cuid_counter; Type: COMMENT; Schema: public; Owner: -

COMMENT ON SEQUENCE public.cuid_counter IS 'Third part of every cuid(); 0 to 36^4 - 1, then over again.';

-- Name: cuid(); Type: FUNCTION; Schema: public; Owner: -

CREATE FUNCTION public.cuid() RETURNS text
    LANGUAGE sql
    RETURN (((('c'::text || public.base36((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint, 8)) || public.base36(nextval('public.cuid_counter'::regclass), 4)) || public.base36((pg_backend_pid())::bigint, 4)) || public.base36(((('x'::text || "left"(translate((gen_random_uuid())::text, '-'::text, ''::text), 12)))::bit(48))::bigint, 8));

-- Name: FUNCTION cuid(); Type: COMMENT; Schema: public; Owner: -

COMMENT ON FUNCTION public.cuid() IS 'A new id of the form ^c[a-z0-9]{24}$; ids sort by the millisecond in which they were made.';

-- Name: set_updated_at(); Type: FUNCTION; Schema: public; Owner: -

CREATE FUNCTION public.set_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END
$$;

-- Name: FUNCTION set_updated_at(); Type: COMMENT; Schema: public; Owner: -

COMMENT ON FUNCTION public.set_updated_at() IS 'Trigger function: moves updated_at to the server''s clock; the triggers fire only for a row that an UPDATE changes.';

-- Name: conversations; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.conversations (
    id text DEFAULT public.cuid() NOT NULL,
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    title text,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

-- Name: TABLE conversations; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TABLE public.conversations IS 'One row a thread of messages between a user and the agent.';

-- Name: COLUMN conversations.id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.conversations.id IS 'cuid; made by the database unless the client sends its own.';

-- Name: COLUMN conversations.tenant_id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.conversations.tenant_id IS 'The tenant within which it is held.';

-- Name: COLUMN conversations.user_id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.conversations.user_id IS 'The user who holds it.';

-- Name: COLUMN conversations.title; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.conversations.title IS 'Short heading for lists; null until someone or the agent gives one.';

-- Name: COLUMN conversations.created_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.conversations.created_at IS 'When the row was made, to the millisecond.';

-- Name: COLUMN conversations.updated_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.conversations.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

-- Name: deployments; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.deployments (
    id text DEFAULT public.cuid() NOT NULL,
    tenant_id text NOT NULL,
    recipe_id text NOT NULL,
    recipe_version integer NOT NULL,
    name text NOT NULL,
    namespace text NOT NULL,
    helm_release text NOT NULL,
    config jsonb DEFAULT '{}'::jsonb NOT NULL,
    secrets_ref text,
    status public."DeploymentStatus" DEFAULT 'PENDING'::public."DeploymentStatus" NOT NULL,
    url text,
    error_message text,
    depends_on text[] DEFAULT '{}'::text[],
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

-- Name: TABLE deployments; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TABLE public.deployments IS 'One row a recipe that runs, shall run or ran for a tenant.';

-- Name: COLUMN deployments.id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.id IS 'cuid; made by the database unless the client sends its own.';

-- Name: COLUMN deployments.tenant_id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.tenant_id IS 'The tenant that it runs for.';

-- Name: COLUMN deployments.recipe_id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.recipe_id IS 'The recipe that it was made from.';

-- Name: COLUMN deployments.recipe_version; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.recipe_version IS 'recipes.version at the time of the deployment or of its last upgrade.';

-- Name: COLUMN deployments.name; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.name IS 'The tenant''s own name for it, unique for the tenant, such as "my-postgresql".';

-- Name: COLUMN deployments.namespace; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.namespace IS 'Kubernetes namespace that it runs in: the tenant''s.';

-- Name: COLUMN deployments.helm_release; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.helm_release IS 'Name of the Helm release within the namespace.';

-- Name: COLUMN deployments.config; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.config IS 'What was set for the recipe''s config_schema: an object, field name to value.';

-- Name: COLUMN deployments.secrets_ref; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.secrets_ref IS 'Name of the Kubernetes Secret with its passwords, never a secret itself; null if it has none.';

-- Name: COLUMN deployments.status; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.status IS 'Where it stands, from PENDING on; written by the deploying workers.';

-- Name: COLUMN deployments.url; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.url IS 'Where its users reach it; null while it has no address.';

-- Name: COLUMN deployments.error_message; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.error_message IS 'Why it is FAILED, for people; null otherwise.';

-- Name: COLUMN deployments.depends_on; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.depends_on IS 'Ids of the deployments, of the same tenant, that it needs; null reads as none.';

-- Name: COLUMN deployments.created_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.created_at IS 'When the row was made, to the millisecond.';

-- Name: COLUMN deployments.updated_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.deployments.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

-- Name: messages; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.messages (
    id text DEFAULT public.cuid() NOT NULL,
    conversation_id text NOT NULL,
    role public."MessageRole" NOT NULL,
    content text NOT NULL,
    tool_invocations jsonb,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

-- Name: TABLE messages; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TABLE public.messages IS 'What was said, one row a turn; rows are added, never changed.';

-- Name: COLUMN messages.id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.messages.id IS 'cuid; made by the database unless the client sends its own.';

-- Name: COLUMN messages.conversation_id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.messages.conversation_id IS 'The conversation; its messages go when it is deleted.';

-- Name: COLUMN messages.role; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.messages.role IS 'Who speaks: USER, ASSISTANT, SYSTEM or TOOL.';

-- Name: COLUMN messages.content; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.messages.content IS 'The text of the turn; may be empty when there are only tool invocations.';

-- Name: COLUMN messages.tool_invocations; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.messages.tool_invocations IS 'Tools that the agent called in this turn: a list of {"toolName", "args": object, "result"}; null for none.';

-- Name: COLUMN messages.created_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.messages.created_at IS 'When it was said, to the millisecond; equal ones are ordered by id.';

-- Name: recipe_versions; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.recipe_versions (
    id text DEFAULT public.cuid() NOT NULL,
    recipe_id text NOT NULL,
    version integer NOT NULL,
    snapshot jsonb NOT NULL,
    changed_by text,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

-- Name: TABLE recipe_versions; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TABLE public.recipe_versions IS 'The audit trail of the catalog: the whole recipe as it stood at each version; rows are added, never changed.';

-- Name: COLUMN recipe_versions.id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipe_versions.id IS 'cuid; made by the database unless the client sends its own.';

-- Name: COLUMN recipe_versions.recipe_id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipe_versions.recipe_id IS 'The recipe; its versions go when it is deleted.';

-- Name: COLUMN recipe_versions.version; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipe_versions.version IS 'recipes.version at that time; unique for the recipe.';

-- Name: COLUMN recipe_versions.snapshot; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipe_versions.snapshot IS 'The row of recipes as an object whose keys are the column names, without the embedding.';

-- Name: COLUMN recipe_versions.changed_by; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipe_versions.changed_by IS 'Who made the change: a user id or the name of a service; null if unknown.';

-- Name: COLUMN recipe_versions.created_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipe_versions.created_at IS 'When the version was recorded, to the millisecond.';

-- Name: recipes; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.recipes (
    id text DEFAULT public.cuid() NOT NULL,
    slug text NOT NULL,
    display_name text NOT NULL,
    description text NOT NULL,
    category text NOT NULL,
    tags text[] DEFAULT '{}'::text[],
    icon_url text,
    source_type text DEFAULT 'helm'::text NOT NULL,
    chart_url text NOT NULL,
    chart_version text,
    config_schema jsonb DEFAULT '{}'::jsonb NOT NULL,
    secrets_schema jsonb DEFAULT '{}'::jsonb NOT NULL,
    values_template text DEFAULT ''::text NOT NULL,
    dependencies jsonb DEFAULT '[]'::jsonb NOT NULL,
    ingress_config jsonb DEFAULT '{}'::jsonb NOT NULL,
    resource_defaults jsonb DEFAULT '{}'::jsonb NOT NULL,
    resource_limits jsonb DEFAULT '{}'::jsonb NOT NULL,
    health_check jsonb DEFAULT '{}'::jsonb NOT NULL,
    ai_hints jsonb DEFAULT '{}'::jsonb NOT NULL,
    embedding public.vector(1536),
    tier public."RecipeTier" DEFAULT 'COMMUNITY'::public."RecipeTier" NOT NULL,
    status public."RecipeStatus" DEFAULT 'DRAFT'::public."RecipeStatus" NOT NULL,
    created_by_id text,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

-- Name: TABLE recipes; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TABLE public.recipes IS 'One row a service that can be deployed: where its chart is, what can be configured, and how the agent speaks of it.';

-- Name: COLUMN recipes.id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.id IS 'cuid; made by the database unless the client sends its own.';

-- Name: COLUMN recipes.slug; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.slug IS 'Short unique name by which other recipes, stacks and the agent refer to it, such as "postgresql".';

-- Name: COLUMN recipes.display_name; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.display_name IS 'The name that people see, such as "PostgreSQL".';

-- Name: COLUMN recipes.description; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.description IS 'What the service is and does, in a few sentences for people.';

-- Name: COLUMN recipes.category; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.category IS 'One word to group by: "database", "automation", "monitoring", "storage", "analytics" and the like.';

-- Name: COLUMN recipes.tags; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.tags IS 'Further words to filter by; null reads as no tags.';

-- Name: COLUMN recipes.icon_url; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.icon_url IS 'Address of a picture for the catalog; null for none.';

-- Name: COLUMN recipes.source_type; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.source_type IS 'How it is packaged; "helm" is the only one so far.';

-- Name: COLUMN recipes.chart_url; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.chart_url IS 'The Helm chart: "repository/chart" such as "bitnami/postgresql", or an oci:// address.';

-- Name: COLUMN recipes.chart_version; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.chart_version IS 'Range of chart versions that the values template fits, such as ">=15.0.0"; null for any.';

-- Name: COLUMN recipes.config_schema; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.config_schema IS 'What a tenant can set: field name to {"type": "string"|"number"|"boolean"|"select", "default", "options", "min", "max", "label", "description", "required"}.';

-- Name: COLUMN recipes.secrets_schema; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.secrets_schema IS 'What must be kept secret: secret name to {"description", "generate": whether the platform makes it, "length": in characters}.';

-- Name: COLUMN recipes.values_template; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.values_template IS 'Helm values in YAML with Mustache tags: {{config.x}}, {{secrets.x}}, {{deps.alias.host}}; rendered by the deploying worker.';

-- Name: COLUMN recipes.dependencies; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.dependencies IS 'What must run before it: a list of {"service": slug of a recipe, "alias": its name in the template, "config": object}.';

-- Name: COLUMN recipes.ingress_config; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.ingress_config IS 'How it is reached from outside: {"enabled", "hostnameTemplate": "n8n-{tenant}.{domain}", "port", "path"}; {} for not at all.';

-- Name: COLUMN recipes.resource_defaults; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.resource_defaults IS 'What its pod requests: {"cpu": "250m", "memory": "256Mi"}, Kubernetes quantities as text.';

-- Name: COLUMN recipes.resource_limits; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.resource_limits IS 'What its pod may use at most, in the same form as resource_defaults.';

-- Name: COLUMN recipes.health_check; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.health_check IS 'How to tell that it works: {"type": "tcp"|"http"|"exec", "port", "path", "intervalSeconds": in seconds}.';

-- Name: COLUMN recipes.ai_hints; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.ai_hints IS 'What the agent is told of it: {"summary", "whenToSuggest", "pairsWellWith": list of recipe slugs}.';

-- Name: COLUMN recipes.embedding; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.embedding IS 'Meaning of name, description, category, tags and summary as 1536 numbers (text-embedding-3-small), set by the services; null until then.';

-- Name: COLUMN recipes.tier; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.tier IS 'Who vouches for it: OFFICIAL, VERIFIED or COMMUNITY.';

-- Name: COLUMN recipes.status; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.status IS 'Only PUBLISHED is offered; DRAFT is being written, DEPRECATED is withdrawn.';

-- Name: COLUMN recipes.created_by_id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.created_by_id IS 'Id of the user who made it; no foreign key, so that it outlives the user; null for the platform itself.';

-- Name: COLUMN recipes.version; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.version IS 'Counts the changes of the content, from 1; deployments remember the one they were made from.';

-- Name: COLUMN recipes.created_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.created_at IS 'When the row was made, to the millisecond.';

-- Name: COLUMN recipes.updated_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.recipes.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

-- Name: stacks; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.stacks (
    id text DEFAULT public.cuid() NOT NULL,
    slug text NOT NULL,
    display_name text NOT NULL,
    description text NOT NULL,
    services jsonb NOT NULL,
    ai_hints jsonb DEFAULT '{}'::jsonb NOT NULL,
    embedding public.vector(1536),
    tier public."RecipeTier" DEFAULT 'COMMUNITY'::public."RecipeTier" NOT NULL,
    status public."RecipeStatus" DEFAULT 'DRAFT'::public."RecipeStatus" NOT NULL,
    created_by_id text,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

-- Name: TABLE stacks; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TABLE public.stacks IS 'Bundles of recipes that are deployed and wired together; no screen uses them yet.';

-- Name: COLUMN stacks.id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.id IS 'cuid; made by the database unless the client sends its own.';

-- Name: COLUMN stacks.slug; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.slug IS 'Short unique name of the bundle.';

-- Name: COLUMN stacks.display_name; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.display_name IS 'The name that people see.';

-- Name: COLUMN stacks.description; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.description IS 'What the bundle is for, in a few sentences for people.';

-- Name: COLUMN stacks.services; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.services IS 'Its parts: a list of {"recipeSlug", "alias", "config": object, "wiring": how it is connected to the other parts}; has no default.';

-- Name: COLUMN stacks.ai_hints; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.ai_hints IS 'What the agent is told of it: {"summary", "whenToSuggest", "pairsWellWith": list of recipe slugs}.';

-- Name: COLUMN stacks.embedding; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.embedding IS 'Meaning of its texts as 1536 numbers, as for recipes; set by the services; null until then.';

-- Name: COLUMN stacks.tier; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.tier IS 'Who vouches for it: OFFICIAL, VERIFIED or COMMUNITY.';

-- Name: COLUMN stacks.status; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.status IS 'Only PUBLISHED is offered; DRAFT is being written, DEPRECATED is withdrawn.';

-- Name: COLUMN stacks.created_by_id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.created_by_id IS 'Id of the user who made it; no foreign key, so that it outlives the user; null for the platform itself.';

-- Name: COLUMN stacks.created_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.created_at IS 'When the row was made, to the millisecond.';

-- Name: COLUMN stacks.updated_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.stacks.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

-- Name: tenants; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.tenants (
    id text DEFAULT public.cuid() NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    namespace text NOT NULL,
    quota jsonb DEFAULT '{}'::jsonb NOT NULL,
    status public."TenantStatus" DEFAULT 'ACTIVE'::public."TenantStatus" NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

-- Name: TABLE tenants; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TABLE public.tenants IS 'One row a customer; each has one Kubernetes namespace.';

-- Name: COLUMN tenants.id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.tenants.id IS 'cuid; made by the database unless the client sends its own.';

-- Name: COLUMN tenants.slug; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.tenants.slug IS 'Short unique name for URLs and host names, such as "acme".';

-- Name: COLUMN tenants.name; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.tenants.name IS 'The customer''s name as people write it.';

-- Name: COLUMN tenants.namespace; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.tenants.namespace IS 'Kubernetes namespace of all its deployments, unique; by convention "tenant-" and the slug.';

-- Name: COLUMN tenants.quota; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.tenants.quota IS 'What its deployments may use in all: {"cpu": "4", "memory": "8Gi", "storage": "50Gi"}, Kubernetes quantities as text; a missing key means no limit.';

-- Name: COLUMN tenants.status; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.tenants.status IS 'ACTIVE, SUSPENDED or DELETED; set by the platform''s operators.';

-- Name: COLUMN tenants.created_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.tenants.created_at IS 'When the row was made, to the millisecond.';

-- Name: COLUMN tenants.updated_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.tenants.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

-- Name: users; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.users (
    id text DEFAULT public.cuid() NOT NULL,
    email text NOT NULL,
    password_hash text,
    name text,
    role public."Role" DEFAULT 'USER'::public."Role" NOT NULL,
    tenant_id text NOT NULL,
    created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
    updated_at timestamp(3) with time zone DEFAULT now() NOT NULL
);

-- Name: TABLE users; Type: COMMENT; Schema: public; Owner: -

COMMENT ON TABLE public.users IS 'The people who sign in; each belongs to one tenant.';

-- Name: COLUMN users.id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.users.id IS 'cuid; made by the database unless the client sends its own.';

-- Name: COLUMN users.email; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.users.email IS 'Sign-in name, unique over all tenants.';

-- Name: COLUMN users.password_hash; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.users.password_hash IS 'Hash of the password with its salt, made by the services; null for an account without a password. Never shown or logged.';

-- Name: COLUMN users.name; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.users.name IS 'The person''s name for display; null until given.';

-- Name: COLUMN users.role; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.users.role IS 'ADMIN manages the tenant, USER works in it.';

-- Name: COLUMN users.tenant_id; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.users.tenant_id IS 'The tenant that the user belongs to.';

-- Name: COLUMN users.created_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.users.created_at IS 'When the row was made, to the millisecond.';

-- Name: COLUMN users.updated_at; Type: COMMENT; Schema: public; Owner: -

COMMENT ON COLUMN public.users.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

-- Name: conversations conversations_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (id);

-- Name: deployments deployments_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_pkey PRIMARY KEY (id);

-- Name: deployments deployments_tenant_id_name_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_tenant_id_name_key UNIQUE (tenant_id, name);

-- Name: messages messages_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id);

-- Name: recipe_versions recipe_versions_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.recipe_versions
    ADD CONSTRAINT recipe_versions_pkey PRIMARY KEY (id);

-- Name: recipe_versions recipe_versions_recipe_id_version_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.recipe_versions
    ADD CONSTRAINT recipe_versions_recipe_id_version_key UNIQUE (recipe_id, version);

-- Name: recipes recipes_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.recipes
    ADD CONSTRAINT recipes_pkey PRIMARY KEY (id);

-- Name: recipes recipes_slug_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.recipes
    ADD CONSTRAINT recipes_slug_key UNIQUE (slug);

-- Name: stacks stacks_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.stacks
    ADD CONSTRAINT stacks_pkey PRIMARY KEY (id);

-- Name: stacks stacks_slug_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.stacks
    ADD CONSTRAINT stacks_slug_key UNIQUE (slug);

-- Name: tenants tenants_namespace_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_namespace_key UNIQUE (namespace);

-- Name: tenants tenants_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);

-- Name: tenants tenants_slug_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_slug_key UNIQUE (slug);

-- Name: users users_email_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);

-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

-- Name: conversations conversations_set_updated_at; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER conversations_set_updated_at BEFORE UPDATE ON public.conversations FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION public.set_updated_at();

-- Name: deployments deployments_set_updated_at; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER deployments_set_updated_at BEFORE UPDATE ON public.deployments FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION public.set_updated_at();

-- Name: recipes recipes_set_updated_at; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER recipes_set_updated_at BEFORE UPDATE ON public.recipes FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION public.set_updated_at();

-- Name: stacks stacks_set_updated_at; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER stacks_set_updated_at BEFORE UPDATE ON public.stacks FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION public.set_updated_at();

-- Name: tenants tenants_set_updated_at; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER tenants_set_updated_at BEFORE UPDATE ON public.tenants FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION public.set_updated_at();

-- Name: users users_set_updated_at; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER users_set_updated_at BEFORE UPDATE ON public.users FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION public.set_updated_at();

-- Name: conversations conversations_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id) ON UPDATE CASCADE ON DELETE RESTRICT;

-- Name: conversations conversations_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON UPDATE CASCADE ON DELETE RESTRICT;

-- Name: deployments deployments_recipe_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_recipe_id_fkey FOREIGN KEY (recipe_id) REFERENCES public.recipes(id) ON UPDATE CASCADE ON DELETE RESTRICT;

-- Name: deployments deployments_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id) ON UPDATE CASCADE ON DELETE RESTRICT;

-- Name: messages messages_conversation_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON UPDATE CASCADE ON DELETE CASCADE;

-- Name: recipe_versions recipe_versions_recipe_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.recipe_versions
    ADD CONSTRAINT recipe_versions_recipe_id_fkey FOREIGN KEY (recipe_id) REFERENCES public.recipes(id) ON UPDATE CASCADE ON DELETE CASCADE;

-- Name: users users_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id) ON UPDATE CASCADE ON DELETE RESTRICT;

-- The closed sets of values. The names are in double quotes because the platform's
-- Prisma clients cast to "public"."Role" and so on.
-- depends: 0003_create_set_updated_at
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

CREATE TYPE "Role" AS ENUM (
  'ADMIN',
  'USER'
);

COMMENT ON TYPE "Role" IS 'What a user may do within the tenant: ADMIN manages it, USER works in it.';

CREATE TYPE "TenantStatus" AS ENUM (
  'ACTIVE',
  'SUSPENDED',
  'DELETED'
);

COMMENT ON TYPE "TenantStatus" IS 'Whether a tenant may work: SUSPENDED is for a while, DELETED for good; the rows stay in both.';

CREATE TYPE "RecipeTier" AS ENUM (
  'OFFICIAL',
  'VERIFIED',
  'COMMUNITY'
);

COMMENT ON TYPE "RecipeTier" IS
  'Who vouches for a recipe or stack: the platform (OFFICIAL), a reviewed author (VERIFIED), its author alone (COMMUNITY).';

CREATE TYPE "RecipeStatus" AS ENUM (
  'DRAFT',
  'PUBLISHED',
  'DEPRECATED'
);

COMMENT ON TYPE "RecipeStatus" IS
  'Life of a recipe or stack: only PUBLISHED is offered to tenants; DEPRECATED is how one is withdrawn.';

CREATE TYPE "DeploymentStatus" AS ENUM (
  'PENDING',
  'DEPLOYING',
  'RUNNING',
  'FAILED',
  'STOPPED',
  'DELETING'
);

COMMENT ON TYPE "DeploymentStatus" IS
  'Life of a deployment: PENDING waits for a worker, DEPLOYING is in its hands, the others are what Kubernetes came to.';

CREATE TYPE "MessageRole" AS ENUM (
  'USER',
  'ASSISTANT',
  'SYSTEM',
  'TOOL'
);

COMMENT ON TYPE "MessageRole" IS 'Who speaks in a message: the person, the agent, the platform''s instructions, or a tool''s result.';

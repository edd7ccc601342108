-- Nothing is lost: by now no column has these types.
-- To drop is what this file is for:
-- squawk-ignore-file ban-drop-type
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

DROP TYPE "MessageRole";

DROP TYPE "DeploymentStatus";

DROP TYPE "RecipeStatus";

DROP TYPE "RecipeTier";

DROP TYPE "TenantStatus";

DROP TYPE "Role";

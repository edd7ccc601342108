-- Who uses the platform: tenants (customers) and the users who sign in for them.
-- A tenant that still has rows cannot be deleted (RESTRICT); it gets the status DELETED instead.
-- depends: 0004_create_enums
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

CREATE TABLE tenants (
  id text NOT NULL DEFAULT cuid(),
  slug text NOT NULL,
  name text NOT NULL,
  namespace text NOT NULL,
  quota jsonb NOT NULL DEFAULT '{}',
  status "TenantStatus" NOT NULL DEFAULT 'ACTIVE',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT tenants_pkey PRIMARY KEY (id),
  CONSTRAINT tenants_slug_key UNIQUE (slug),
  CONSTRAINT tenants_namespace_key UNIQUE (namespace)
);

CREATE TRIGGER tenants_set_updated_at
  BEFORE UPDATE ON tenants
  FOR EACH ROW
  WHEN (OLD.* *<> NEW.*)
  EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE tenants IS 'One row a customer; each has one Kubernetes namespace.';
COMMENT ON COLUMN tenants.id IS 'cuid; made by the database unless the client sends its own.';
COMMENT ON COLUMN tenants.slug IS 'Short unique name for URLs and host names, such as "acme".';
COMMENT ON COLUMN tenants.name IS 'The customer''s name as people write it.';
COMMENT ON COLUMN tenants.namespace IS 'Kubernetes namespace of all its deployments, unique; by convention "tenant-" and the slug.';
COMMENT ON COLUMN tenants.quota IS
  'What its deployments may use in all: {"cpu": "4", "memory": "8Gi", "storage": "50Gi"}, Kubernetes quantities as text; a missing key means no limit.';
COMMENT ON COLUMN tenants.status IS 'ACTIVE, SUSPENDED or DELETED; set by the platform''s operators.';
COMMENT ON COLUMN tenants.created_at IS 'When the row was made, to the millisecond.';
COMMENT ON COLUMN tenants.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

CREATE TABLE users (
  id text NOT NULL DEFAULT cuid(),
  email text NOT NULL,
  password_hash text,
  name text,
  role "Role" NOT NULL DEFAULT 'USER',
  tenant_id text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT users_pkey PRIMARY KEY (id),
  CONSTRAINT users_email_key UNIQUE (email),
  CONSTRAINT users_tenant_id_fkey FOREIGN KEY (tenant_id)
    REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE RESTRICT
);

CREATE TRIGGER users_set_updated_at
  BEFORE UPDATE ON users
  FOR EACH ROW
  WHEN (OLD.* *<> NEW.*)
  EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE users IS 'The people who sign in; each belongs to one tenant.';
COMMENT ON COLUMN users.id IS 'cuid; made by the database unless the client sends its own.';
COMMENT ON COLUMN users.email IS 'Sign-in name, unique over all tenants.';
COMMENT ON COLUMN users.password_hash IS
  'Hash of the password with its salt, made by the services; null for an account without a password. Never shown or logged.';
COMMENT ON COLUMN users.name IS 'The person''s name for display; null until given.';
COMMENT ON COLUMN users.role IS 'ADMIN manages the tenant, USER works in it.';
COMMENT ON COLUMN users.tenant_id IS 'The tenant that the user belongs to.';
COMMENT ON COLUMN users.created_at IS 'When the row was made, to the millisecond.';
COMMENT ON COLUMN users.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

// Runs Prisma Client 7 against the database in DATABASE_URL, as the platform's TypeScript services do, and says of
// each check "ok <name>" or "FAIL <name>: <reason>" ("note <text>" is something measured that is no failure).
// The exit status is 1 when a check failed. The rows stay behind: the database is to be thrown away.

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'

import generated from './generated/client/index.js'
import generatedForDatabaseDefaults from './generated/database-defaults/index.js'

const { Prisma, PrismaClient } = generated

const CUID = /^c[a-z0-9]{24}$/
const URL_OF_DATABASE = process.env.DATABASE_URL
if (!URL_OF_DATABASE) {
  console.error('DATABASE_URL is not set')
  process.exit(2)
}

// The address may have no host in its first part (postgresql://user@/name?host=%2Fdirectory), which Node's URL class
// refuses, so the text is added to as it stands.
function addressWith(option) {
  const separator = URL_OF_DATABASE.includes('?') ? '&' : '?'
  return `${URL_OF_DATABASE}${separator}options=${encodeURIComponent(option)}`
}

function connect(address = URL_OF_DATABASE, Client = PrismaClient) {
  return new Client({ adapter: new PrismaPg({ connectionString: address }) })
}

// An error's message may hold many lines; one check is one line of output.
function oneLine(error) {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.replace(/\s+/g, ' ').trim().slice(0, 600)
}

let passed = 0
let failed = 0

async function check(name, body) {
  try {
    await body()
    passed += 1
    console.log(`ok ${name}`)
  } catch (error) {
    failed += 1
    console.log(`FAIL ${name}: ${oneLine(error)}`)
  }
}

function note(text) {
  console.log(`note ${text}`)
}

// The known errors of Prisma Client, by which the services tell what went wrong. Its versions name the broken key
// either by its columns or by its name in the database; both must be the ones a service expects.
async function refused(promise, code, { model, columns, constraint } = {}) {
  let error
  try {
    await promise
  } catch (caught) {
    error = caught
  }
  assert.ok(error, `nothing was refused; expected ${code}`)
  assert.equal(error.code, code, `expected ${code}, got ${oneLine(error)}`)
  if (model) assert.equal(error.meta.modelName, model)
  if (constraint) {
    const named = error.meta.driverAdapterError?.cause?.constraint ?? { fields: error.meta.target }
    if (named.index !== undefined) assert.equal(named.index, constraint)
    // Some versions keep the double quotes round a column's name.
    else
      assert.deepEqual(
        named.fields?.map((field) => field.replaceAll('"', '')),
        columns,
      )
  }
  return error
}

let counter = 0
function unique(prefix) {
  counter += 1
  return `${prefix}-${counter}`
}

const prisma = connect()

function newTenant(data = {}) {
  const slug = unique('tenant')
  return prisma.tenant.create({ data: { slug, name: `The tenant ${slug}`, namespace: `tenant-${slug}`, ...data } })
}

async function newUser(data = {}) {
  const tenantId = data.tenantId ?? (await newTenant()).id
  return prisma.user.create({ data: { email: `${unique('user')}@example.com`, ...data, tenantId } })
}

function recipeData(data = {}) {
  const slug = unique('recipe')
  return {
    slug,
    displayName: `The recipe ${slug}`,
    description: 'A service.',
    category: 'database',
    chartUrl: 'bitnami/postgresql',
    ...data,
  }
}

function newRecipe(data = {}) {
  return prisma.recipe.create({ data: recipeData(data) })
}

function stackData(data = {}) {
  return { slug: unique('stack'), displayName: 'A stack', description: 'A bundle.', services: [], ...data }
}

async function newDeployment(data = {}) {
  const tenant = data.tenantId
    ? await prisma.tenant.findUniqueOrThrow({ where: { id: data.tenantId } })
    : await newTenant()
  const recipeId = data.recipeId ?? (await newRecipe()).id
  const name = unique('deployment')
  return prisma.deployment.create({
    data: {
      recipeVersion: 1,
      name,
      namespace: tenant.namespace,
      helmRelease: name,
      ...data,
      tenantId: tenant.id,
      recipeId,
    },
  })
}

async function newConversation(data = {}) {
  const user = await newUser()
  return prisma.conversation.create({ data: { tenantId: user.tenantId, userId: user.id, ...data } })
}

function vectorText(...places) {
  const numbers = new Array(1536).fill(0)
  for (const place of places) numbers[place] = 1
  return `[${numbers.join(',')}]`
}

// Without a connection every check would fail for the same reason, so this one ends the run.
try {
  await prisma.$queryRaw`SELECT 1`
} catch (error) {
  console.log(`FAIL connect: ${oneLine(error)}`)
  await prisma.$disconnect()
  process.exit(1)
}
const [server] = await prisma.$queryRaw`
  SELECT current_setting('server_version') AS version, current_setting('TimeZone') AS zone,
    inet_server_addr() IS NULL AS socket`
note(
  `Prisma Client ${generated.prismaVersion.client}, PostgreSQL ${server.version} by ` +
    `${server.socket ? 'a Unix socket' : 'TCP'}, session time zone ${server.zone}`,
)

// ---- the schema ----------------------------------------------------------------------------------------------------

await check('schema: every field of the client is a column of its type', async () => {
  const columns = await prisma.$queryRaw`
    SELECT table_name, column_name, udt_name, datetime_precision FROM information_schema.columns
    WHERE table_schema = 'public'`
  const types = new Map(
    columns.map((column) => [
      `${column.table_name}.${column.column_name}`,
      column.udt_name === 'timestamptz' ? `timestamptz(${column.datetime_precision})` : column.udt_name,
    ]),
  )
  const expected = { String: 'text', Json: 'jsonb', Int: 'int4', DateTime: 'timestamptz(3)' }
  const lists = new Set(['recipes.tags', 'deployments.depends_on'])
  const models = Prisma.dmmf.datamodel.models
  assert.equal(models.length, 8)
  for (const model of models) {
    for (const field of model.fields.filter(({ kind }) => kind === 'scalar' || kind === 'enum')) {
      const column = `${model.dbName}.${field.dbName ?? field.name}`
      const type = lists.has(column) ? '_text' : (expected[field.type] ?? field.type)
      assert.equal(types.get(column), type, `${column} is ${types.get(column)}, not ${type}`)
    }
  }
  assert.equal(types.get('recipes.embedding'), 'vector')
  assert.equal(types.get('stacks.embedding'), 'vector')
})

await check('schema: the extension vector is in public', async () => {
  const rows = await prisma.$queryRaw`
    SELECT extnamespace::regnamespace::text AS schema FROM pg_extension WHERE extname = 'vector'`
  assert.deepEqual(rows, [{ schema: 'public' }])
})

// ---- every model ---------------------------------------------------------------------------------------------------

// Create, read, change, upsert (both ways) and delete, on each of the models. Where the id is the only key to upsert
// by, it is the client's own.
async function everyOperation(delegate, { data, change, key, omitted }) {
  const created = await delegate.create({ data })
  assert.match(created.id, CUID)
  for (const [field, value] of Object.entries(data)) assert.deepEqual(created[field], value, field)
  for (const [field, value] of Object.entries(omitted)) assert.deepEqual(created[field], value, field)
  const where = { id: created.id }
  assert.deepEqual(await delegate.findUnique({ where }), created)
  assert.deepEqual(await delegate.findMany({ where: { id: { in: [created.id] } } }), [created])

  const updated = await delegate.update({ where, data: change })
  for (const [field, value] of Object.entries(change)) assert.deepEqual(updated[field], value, field)
  assert.deepEqual(await delegate.findUnique({ where }), updated)

  const changedAgain = await delegate.upsert({ where: key(data), create: data, update: change })
  assert.equal(changedAgain.id, created.id)
  assert.deepEqual(await delegate.findUnique({ where }), changedAgain)

  assert.deepEqual(await delegate.delete({ where }), changedAgain)
  assert.equal(await delegate.findUnique({ where }), null)

  const madeByUpsert = await delegate.upsert({ where: key(data), create: data, update: change })
  if (data.id) assert.equal(madeByUpsert.id, data.id)
  else assert.notEqual(madeByUpsert.id, created.id)
  assert.equal((await delegate.deleteMany({ where: { id: madeByUpsert.id } })).count, 1)
  await refused(delegate.delete({ where: { id: madeByUpsert.id } }), 'P2025')
}

await check('tenant: create, read, update, upsert, delete', async () => {
  const slug = unique('tenant')
  await everyOperation(prisma.tenant, {
    data: { slug, name: 'A tenant', namespace: `tenant-${slug}` },
    omitted: { quota: {}, status: 'ACTIVE' },
    change: { name: 'Another', quota: { cpu: '4', memory: '8Gi', storage: '50Gi' }, status: 'SUSPENDED' },
    key: () => ({ slug }),
  })
})

await check('user: create, read, update, upsert, delete', async () => {
  const email = `${unique('user')}@example.com`
  await everyOperation(prisma.user, {
    data: { email, tenantId: (await newTenant()).id },
    omitted: { passwordHash: null, name: null, role: 'USER' },
    change: { passwordHash: 'a hash', name: 'A name', role: 'ADMIN' },
    key: () => ({ email }),
  })
})

await check('recipe: create, read, update, upsert, delete', async () => {
  await everyOperation(prisma.recipe, {
    data: recipeData(),
    omitted: {
      tags: [],
      iconUrl: null,
      sourceType: 'helm',
      chartVersion: null,
      configSchema: {},
      secretsSchema: {},
      valuesTemplate: '',
      dependencies: [],
      ingressConfig: {},
      resourceDefaults: {},
      resourceLimits: {},
      healthCheck: {},
      aiHints: {},
      tier: 'COMMUNITY',
      status: 'DRAFT',
      createdById: null,
      version: 1,
    },
    change: {
      tags: ['sql', 'relational'],
      iconUrl: 'https://example.com/icon.svg',
      chartVersion: '>=15.0.0',
      configSchema: { database: { type: 'string', default: 'app', label: 'Database', required: true } },
      secretsSchema: { password: { description: 'Password', generate: true, length: 32 } },
      valuesTemplate: 'auth:\n  database: {{config.database}}\n',
      dependencies: [{ service: 'redis', alias: 'cache', config: {} }],
      ingressConfig: { enabled: true, hostnameTemplate: 'n8n-{tenant}.{domain}', port: 5678, path: '/' },
      resourceDefaults: { cpu: '250m', memory: '256Mi' },
      resourceLimits: { cpu: '1', memory: '1Gi' },
      healthCheck: { type: 'tcp', port: 5432, intervalSeconds: 10 },
      aiHints: { summary: 'A database', whenToSuggest: 'to keep rows', pairsWellWith: ['n8n'] },
      tier: 'OFFICIAL',
      status: 'PUBLISHED',
      createdById: 'a user who is in no table',
      version: 2,
    },
    key: ({ slug }) => ({ slug }),
  })
})

await check('recipe version: create, read, update, upsert, delete', async () => {
  await everyOperation(prisma.recipeVersion, {
    data: { recipeId: (await newRecipe()).id, version: 1, snapshot: { slug: 'a', version: 1 } },
    omitted: { changedBy: null },
    change: { changedBy: 'a curator' },
    key: ({ recipeId, version }) => ({ recipeId_version: { recipeId, version } }),
  })
})

await check('stack: create, read, update, upsert, delete', async () => {
  await everyOperation(prisma.stack, {
    data: stackData({ services: [{ recipeSlug: 'postgresql', alias: 'db', config: {}, wiring: { host: 'db' } }] }),
    omitted: { aiHints: {}, tier: 'COMMUNITY', status: 'DRAFT', createdById: null },
    change: { aiHints: { summary: 'Two services' }, tier: 'VERIFIED', status: 'DEPRECATED', createdById: 'someone' },
    key: ({ slug }) => ({ slug }),
  })
})

await check('deployment: create, read, update, upsert, delete', async () => {
  const tenant = await newTenant()
  await everyOperation(prisma.deployment, {
    data: {
      tenantId: tenant.id,
      recipeId: (await newRecipe()).id,
      recipeVersion: 1,
      name: 'my-postgresql',
      namespace: tenant.namespace,
      helmRelease: 'my-postgresql',
    },
    omitted: { config: {}, secretsRef: null, status: 'PENDING', url: null, errorMessage: null, dependsOn: [] },
    change: {
      config: { database: 'app', replicas: 2, backups: false },
      secretsRef: 'my-postgresql-secrets',
      status: 'RUNNING',
      url: 'https://db.example.com',
      errorMessage: 'none any more',
      dependsOn: [(await newDeployment({ tenantId: tenant.id })).id],
    },
    key: ({ tenantId, name }) => ({ tenantId_name: { tenantId, name } }),
  })
})

await check('conversation: create, read, update, upsert, delete', async () => {
  const user = await newUser()
  await everyOperation(prisma.conversation, {
    data: { id: 'cconversationoftheclient0', tenantId: user.tenantId, userId: user.id },
    omitted: { title: null },
    change: { title: 'A heading' },
    key: ({ id }) => ({ id }),
  })
})

await check('message: create, read, update, upsert, delete', async () => {
  const conversation = await newConversation()
  await everyOperation(prisma.message, {
    data: { id: 'cmessageoftheclient000000', conversationId: conversation.id, role: 'ASSISTANT', content: 'Done.' },
    omitted: { toolInvocations: null },
    change: { toolInvocations: [{ toolName: 'deploy', args: { slug: 'n8n' }, result: { ok: true } }], content: '' },
    key: ({ id }) => ({ id }),
  })
})

await check('many rows: createMany, createManyAndReturn, updateMany, updateManyAndReturn, deleteMany', async () => {
  const category = unique('category')
  const data = Array.from({ length: 3 }, () => recipeData({ category }))
  assert.equal((await prisma.recipe.createMany({ data })).count, 3)
  assert.equal((await prisma.recipe.createMany({ data, skipDuplicates: true })).count, 0)
  const returned = await prisma.recipe.createManyAndReturn({
    data: [recipeData({ category, tags: ['a'] }), recipeData({ category })],
  })
  assert.deepEqual(
    returned.map(({ tags }) => tags),
    [['a'], []],
  )
  assert.equal(
    (await prisma.recipe.updateMany({ where: { category }, data: { version: { increment: 1 } } })).count,
    5,
  )
  const updated = await prisma.recipe.updateManyAndReturn({ where: { category }, data: { status: 'PUBLISHED' } })
  assert.deepEqual(
    updated.map(({ version, status }) => [version, status]),
    new Array(5).fill([2, 'PUBLISHED']),
  )
  const stored = await prisma.recipe.findMany({ where: { category }, orderBy: { id: 'asc' } })
  assert.deepEqual(
    updated.sort((a, b) => (a.id < b.id ? -1 : 1)),
    stored,
  )
  assert.equal((await prisma.recipe.deleteMany({ where: { category } })).count, 5)
})

await check('counting and paging: count, aggregate, groupBy, distinct, cursor', async () => {
  const tenantId = (await newTenant()).id
  for (const status of ['PENDING', 'RUNNING', 'RUNNING', 'FAILED']) await newDeployment({ tenantId, status })
  const where = { tenantId }
  assert.equal(await prisma.deployment.count({ where }), 4)
  assert.equal((await prisma.deployment.aggregate({ where, _max: { recipeVersion: true } }))._max.recipeVersion, 1)
  const groups = await prisma.deployment.groupBy({ by: ['status'], where, _count: true, orderBy: { status: 'asc' } })
  // Ordered as the type has its values, not by the alphabet.
  assert.deepEqual(
    groups.map(({ status, _count }) => [status, _count]),
    [
      ['PENDING', 1],
      ['RUNNING', 2],
      ['FAILED', 1],
    ],
  )
  assert.equal((await prisma.deployment.findMany({ where, distinct: ['status'] })).length, 3)
  const all = await prisma.deployment.findMany({ where, orderBy: { id: 'asc' } })
  const page = await prisma.deployment.findMany({
    where,
    orderBy: { id: 'asc' },
    cursor: { id: all[1].id },
    skip: 1,
    take: 2,
  })
  assert.deepEqual(page, all.slice(2))
})

// ---- enums ---------------------------------------------------------------------------------------------------------

await check('enums: the values of the client are those of the database, in their order', async () => {
  for (const type of ['Role', 'TenantStatus', 'RecipeTier', 'RecipeStatus', 'DeploymentStatus', 'MessageRole']) {
    const rows = await prisma.$queryRaw`
      SELECT enumlabel::text AS label FROM pg_enum
      WHERE enumtypid = ${`"public"."${type}"`}::regtype
      ORDER BY enumsortorder`
    assert.deepEqual(
      rows.map(({ label }) => label),
      Object.values(generated[type]),
      type,
    )
  }
})

await check('enums: every value is written, read and filtered by', async () => {
  const conversation = await newConversation()
  const user = await newUser()
  const tenant = await newTenant()
  const recipe = await newRecipe()
  const stack = await prisma.stack.create({ data: stackData() })
  const deployment = await newDeployment()
  const message = await prisma.message.create({
    data: { conversationId: conversation.id, role: 'USER', content: 'Hello' },
  })
  const columns = [
    [prisma.user, user, 'role', 'Role'],
    [prisma.tenant, tenant, 'status', 'TenantStatus'],
    [prisma.recipe, recipe, 'tier', 'RecipeTier'],
    [prisma.recipe, recipe, 'status', 'RecipeStatus'],
    [prisma.stack, stack, 'tier', 'RecipeTier'],
    [prisma.stack, stack, 'status', 'RecipeStatus'],
    [prisma.deployment, deployment, 'status', 'DeploymentStatus'],
    [prisma.message, message, 'role', 'MessageRole'],
  ]
  for (const [delegate, { id }, field, type] of columns) {
    for (const value of Object.values(generated[type])) {
      assert.equal((await delegate.update({ where: { id }, data: { [field]: value } }))[field], value)
      assert.equal((await delegate.findFirst({ where: { id, [field]: { in: [value] } } }))[field], value)
      assert.equal(await delegate.count({ where: { id, NOT: { [field]: value } } }), 0)
    }
  }
})

await check('enums: raw SQL casts to "public"."Role", and reads text', async () => {
  const { id } = await newUser({ role: 'ADMIN' })
  const role = 'ADMIN'
  const byCast = await prisma.$queryRaw`SELECT role FROM users WHERE id = ${id} AND role = ${role}::"public"."Role"`
  assert.deepEqual(byCast, [{ role: 'ADMIN' }])
  const byClientsCast = await prisma.$queryRaw`
    SELECT role FROM users WHERE id = ${id} AND role = CAST(${role}::text AS "public"."Role")`
  assert.deepEqual(byClientsCast, [{ role: 'ADMIN' }])
  const changed = await prisma.$executeRaw`UPDATE users SET role = ${'USER'}::"public"."Role" WHERE id = ${id}`
  assert.equal(changed, 1)
  const roles = [role, 'USER']
  const byList =
    await prisma.$queryRaw`SELECT id FROM users WHERE id = ${id} AND role = ANY(${roles}::"public"."Role"[])`
  assert.deepEqual(byList, [{ id }])
})

await check('enums: a value that is none is refused', async () => {
  await assert.rejects(newUser({ role: 'OWNER' }), { name: 'PrismaClientValidationError' })
  await assert.rejects(prisma.$queryRaw`SELECT ${'OWNER'}::"public"."Role"`, /invalid input value for enum/)
})

// ---- arrays --------------------------------------------------------------------------------------------------------

await check('arrays: left out, empty, given, null in the database', async () => {
  assert.deepEqual((await newRecipe()).tags, [])
  assert.deepEqual((await newRecipe({ tags: [] })).tags, [])
  const tags = ['plain', 'with "quotes", commas {braces} \\ and spaces', '', 'NULL', 'žluťoučký']
  const { id } = await newRecipe({ tags })
  const where = { id }
  assert.deepEqual((await prisma.recipe.findUnique({ where })).tags, tags)
  await prisma.$executeRaw`UPDATE recipes SET tags = NULL WHERE id = ${id}`
  assert.deepEqual((await prisma.recipe.findUnique({ where })).tags, [])
  assert.deepEqual((await newDeployment()).dependsOn, [])
})

await check('arrays: what Prisma Client leaves out is an empty array in the database, too', async () => {
  const recipe = await newRecipe()
  const deployment = await newDeployment()
  const rows = await prisma.$queryRaw`
    SELECT r.tags, d.depends_on FROM recipes r, deployments d WHERE r.id = ${recipe.id} AND d.id = ${deployment.id}`
  assert.deepEqual(rows, [{ tags: [], depends_on: [] }])
})

await check('arrays: set, push, has, hasSome, hasEvery, isEmpty, equals', async () => {
  const category = unique('category')
  const { id } = await newRecipe({ category, tags: ['sql'] })
  const { id: bare } = await newRecipe({ category })
  const ids = async (tags) => (await prisma.recipe.findMany({ where: { category, tags } })).map((row) => row.id)
  await prisma.recipe.update({ where: { id }, data: { tags: { push: 'relational' } } })
  await prisma.recipe.update({ where: { id }, data: { tags: { push: ['fast', 'old'] } } })
  assert.deepEqual(await ids({ equals: ['sql', 'relational', 'fast', 'old'] }), [id])
  assert.deepEqual(await ids({ has: 'relational' }), [id])
  assert.deepEqual(await ids({ has: 'missing' }), [])
  assert.deepEqual(await ids({ hasSome: ['missing', 'sql'] }), [id])
  assert.deepEqual(await ids({ hasEvery: ['old', 'sql'] }), [id])
  assert.deepEqual(await ids({ hasEvery: ['old', 'missing'] }), [])
  assert.deepEqual(await ids({ isEmpty: true }), [bare])
  await prisma.recipe.update({ where: { id: bare }, data: { tags: { push: 'first' } } })
  assert.deepEqual(await ids({ has: 'first' }), [bare])
  await prisma.recipe.update({ where: { id }, data: { tags: { set: [] } } })
  assert.deepEqual(await ids({ isEmpty: true }), [id])
})

// ---- Json ----------------------------------------------------------------------------------------------------------

await check('Json: objects, lists, texts and numbers come back as sent', async () => {
  const values = [
    {},
    {
      cpu: '4',
      memory: '8Gi',
      storage: '50Gi',
      'unknown key': { deep: [1, 2.5, -3e10, true, null, 'žluťoučký 🐘 "q" \\'] },
    },
    { config: { type: 'object', $type: 'DateTime', value: '2026-01-01' } },
  ]
  for (const quota of values) {
    const { id } = await newTenant({ quota })
    assert.deepEqual((await prisma.tenant.findUnique({ where: { id } })).quota, quota)
  }
  const dependencies = [{ service: 'postgresql', alias: 'db', config: { database: 'n8n' } }, { service: 'redis' }]
  assert.deepEqual((await newRecipe({ dependencies })).dependencies, dependencies)
})

await check('Json: the defaults of the database are those of the client', async () => {
  const { id } = await newRecipe()
  const byClient = await prisma.$queryRaw`SELECT to_jsonb(r) - 'embedding' AS row FROM recipes r WHERE id = ${id}`
  const slug = unique('recipe')
  const byDatabase = await prisma.$queryRaw`
    INSERT INTO recipes AS r (slug, display_name, description, category, chart_url)
    VALUES (${slug}, 'A recipe', 'A service.', 'database', 'bitnami/postgresql')
    RETURNING to_jsonb(r) - 'embedding' AS row`
  const comparable = ({ row }) => {
    const { id: _id, slug: _slug, display_name: _name, created_at: _created, updated_at: _updated, ...rest } = row
    return rest
  }
  assert.deepEqual(comparable(byDatabase[0]), comparable(byClient[0]))
})

await check('Json: null of the database and null of JSON in the nullable column', async () => {
  const { id: conversationId } = await newConversation()
  const send = (toolInvocations) =>
    prisma.message.create({ data: { conversationId, role: 'TOOL', content: '', toolInvocations } })
  const databaseNull = await send(Prisma.DbNull)
  const jsonNull = await send(Prisma.JsonNull)
  const list = await send([{ toolName: 'search', args: {}, result: null }])
  assert.deepEqual([databaseNull.toolInvocations, jsonNull.toolInvocations], [null, null])
  const ids = async (filter) =>
    (await prisma.message.findMany({ where: { conversationId, toolInvocations: filter } })).map((row) => row.id)
  assert.deepEqual(await ids({ equals: Prisma.DbNull }), [databaseNull.id])
  assert.deepEqual(await ids({ equals: Prisma.JsonNull }), [jsonNull.id])
  assert.deepEqual(await ids({ path: ['0', 'toolName'], equals: 'search' }), [list.id])
})

await check('Json: filters on a path', async () => {
  const category = unique('category')
  const { id } = await newRecipe({
    category,
    aiHints: { summary: 'Keeps rows in tables', pairsWellWith: ['n8n', 'metabase'] },
    healthCheck: { type: 'tcp', port: 5432 },
    dependencies: [{ service: 'redis', alias: 'cache' }],
  })
  await newRecipe({ category })
  const filters = [
    { aiHints: { path: ['summary'], equals: 'Keeps rows in tables' } },
    { aiHints: { path: ['summary'], string_contains: 'rows' } },
    { aiHints: { path: ['summary'], string_starts_with: 'keeps', mode: 'insensitive' } },
    { aiHints: { path: ['pairsWellWith'], array_contains: ['n8n'] } },
    { aiHints: { path: ['pairsWellWith'], array_starts_with: 'n8n' } },
    { healthCheck: { path: ['port'], gt: 5000, lt: 6000 } },
    { dependencies: { path: ['0', 'service'], equals: 'redis' } },
    { dependencies: { array_contains: [{ service: 'redis' }] } },
    { dependencies: { not: [] } },
  ]
  for (const filter of filters) {
    const rows = await prisma.recipe.findMany({ where: { category, ...filter } })
    assert.deepEqual(
      rows.map((row) => row.id),
      [id],
      JSON.stringify(filter),
    )
  }
})

// ---- ids and times -------------------------------------------------------------------------------------------------

await check("ids: one of the client's own is kept", async () => {
  for (const id of ['an-id-of-the-client', 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 'ckopqwooh000001la8mbi2im9']) {
    assert.equal((await newTenant({ id })).id, id)
  }
})

await check('ids and times: left to the database by a raw INSERT', async () => {
  const before = Date.now()
  const slug = unique('tenant')
  const rows = await prisma.$queryRaw`
    INSERT INTO tenants (slug, name, namespace) VALUES (${slug}, 'A tenant', ${`tenant-${slug}`})
    RETURNING id, status, quota, created_at, updated_at`
  assert.match(rows[0].id, CUID)
  const read = await prisma.tenant.findUnique({ where: { slug } })
  assert.equal(read.id, rows[0].id)
  assert.deepEqual([read.status, read.quota], ['ACTIVE', {}])
  assert.deepEqual([read.createdAt, read.updatedAt], [rows[0].created_at, rows[0].updated_at])
  assert.deepEqual(read.createdAt, read.updatedAt)
  // A minute either way, for a server whose clock is another.
  assert.ok(Math.abs(read.createdAt.getTime() - before) < 60_000, `made at ${read.createdAt.toISOString()}`)
})

await check('ids and times: left to the database by the client (dbgenerated)', async () => {
  const client = connect(URL_OF_DATABASE, generatedForDatabaseDefaults.PrismaClient)
  try {
    const slug = unique('tenant')
    const email = `${unique('user')}@example.com`
    const created = await client.tenant.create({
      data: { slug, name: 'A tenant', namespace: `tenant-${slug}`, users: { create: { email } } },
      include: { users: true },
    })
    assert.match(created.id, CUID)
    assert.match(created.users[0].id, CUID)
    assert.deepEqual([created.status, created.quota, created.users[0].role], ['ACTIVE', {}, 'USER'])
    assert.deepEqual(await prisma.tenant.findUnique({ where: { slug }, include: { users: true } }), created)
    const updated = await client.tenant.update({ where: { slug }, data: { name: 'Another' } })
    assert.ok(updated.updatedAt > created.updatedAt, 'updatedAt moved, though the client never sends it')
    const many = await client.tenant.createManyAndReturn({
      data: [1, 2].map(() => unique('tenant')).map((name) => ({ slug: name, name, namespace: `tenant-${name}` })),
    })
    for (const { id } of many) assert.match(id, CUID)
  } finally {
    await client.$disconnect()
  }
})

await check('ids: made by the database, their order is that of creation', async () => {
  const { id: conversationId } = await newConversation()
  const made = []
  for (let number = 0; number < 50; number += 1) {
    const rows = await prisma.$queryRaw`
      INSERT INTO messages (conversation_id, role, content)
      VALUES (${conversationId}, ${'USER'}::"public"."MessageRole", ${String(number)}) RETURNING id`
    made.push(rows[0].id)
  }
  await prisma.$executeRaw`
    INSERT INTO messages (conversation_id, role, content)
    SELECT ${conversationId}, 'USER', number::text FROM generate_series(50, 249) AS number`
  const rows = await prisma.message.findMany({ where: { conversationId }, orderBy: { id: 'asc' } })
  assert.deepEqual(
    rows.map(({ content }) => content),
    Array.from({ length: 250 }, (_, number) => String(number)),
  )
  assert.deepEqual(
    rows.slice(0, 50).map(({ id }) => id),
    made,
  )
  const byTime = await prisma.message.findMany({
    where: { conversationId },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  })
  assert.deepEqual(byTime, rows)
})

await check('times: createdAt and updatedAt sent with a create are kept', async () => {
  for (const at of ['1999-12-31T23:59:59.999Z', '2026-03-29T01:30:00.000Z', '2060-06-01T12:00:00.001Z']) {
    const time = new Date(at)
    const { id, createdAt, updatedAt } = await newTenant({ createdAt: time, updatedAt: time })
    assert.deepEqual([createdAt, updatedAt], [time, time])
    const read = await prisma.tenant.findUnique({ where: { id } })
    assert.deepEqual([read.createdAt, read.updatedAt], [time, time])
  }
})

await check(
  "times: updatedAt of an update is the server's clock, and what update() returns is what is stored",
  async () => {
    for (const [what, updatedAt] of [
      ['nothing sent', undefined],
      ['the past sent', new Date('2001-02-03T04:05:06.789Z')],
      ['the future sent', new Date('2051-02-03T04:05:06.789Z')],
    ]) {
      const created = await newTenant({ updatedAt: new Date('2000-01-01T00:00:00Z') })
      const where = { id: created.id }
      const updated = await prisma.tenant.update({ where, data: { name: 'Another', updatedAt } })
      const [{ clock }] = await prisma.$queryRaw`SELECT clock_timestamp() AS clock`
      assert.ok(Math.abs(clock - updated.updatedAt) < 10_000, `${what}: ${updated.updatedAt.toISOString()}`)
      assert.deepEqual(updated.createdAt, created.createdAt)
      assert.deepEqual(await prisma.tenant.findUnique({ where }), updated, what)
    }
  },
)

await check('times: updatedAt moves on every way of writing, on every table that has it', async () => {
  const tenant = await newTenant()
  const user = await newUser({ tenantId: tenant.id })
  const recipe = await newRecipe()
  const stack = await prisma.stack.create({ data: stackData() })
  const deployment = await newDeployment({ tenantId: tenant.id, recipeId: recipe.id })
  const conversation = await prisma.conversation.create({ data: { tenantId: tenant.id, userId: user.id } })
  const tables = [
    [prisma.tenant, tenant, 'name'],
    [prisma.user, user, 'name'],
    [prisma.recipe, recipe, 'description'],
    [prisma.stack, stack, 'description'],
    [prisma.deployment, deployment, 'helmRelease'],
    [prisma.conversation, conversation, 'title'],
  ]
  for (const [delegate, row, field] of tables) {
    const table = delegate.name
    const where = { id: row.id }
    let last = row.updatedAt
    const moved = async (what) => {
      const { updatedAt } = await delegate.findUnique({ where })
      assert.ok(updatedAt > last, `${table}: ${what}`)
      last = updatedAt
      // Two changes within one millisecond are one time.
      await sleep(3)
    }
    await sleep(3)
    await delegate.update({ where, data: { [field]: 'changed' } })
    await moved('update')
    await delegate.update({ where, data: { [field]: 'changed' } })
    await moved('update to the same value')
    await delegate.update({ where, data: { updatedAt: new Date(0) } })
    await moved('update of updatedAt alone')
    await delegate.updateMany({ where, data: { [field]: 'changed again' } })
    await moved('updateMany')
    await delegate.upsert({ where, create: row, update: { [field]: 'changed by upsert' } })
    await moved('upsert')
  }
})

await check('times: updatedAt as a condition of an update (optimistic locking)', async () => {
  const { id, updatedAt } = await newTenant()
  await sleep(3)
  const change = (seen) => prisma.tenant.updateMany({ where: { id, updatedAt: seen }, data: { name: 'Another' } })
  assert.equal((await change(updatedAt)).count, 1)
  assert.equal((await change(updatedAt)).count, 0)
  const read = await prisma.tenant.findUnique({ where: { id } })
  assert.equal((await change(read.updatedAt)).count, 1)
})

await check('times: filters gt, gte, lt, lte, equals, to the millisecond', async () => {
  const name = unique('a name to find them by')
  const times = ['2020-05-01T00:00:00.000Z', '2020-05-01T00:00:00.001Z', '2020-05-02T12:00:00.000Z'].map(
    (at) => new Date(at),
  )
  for (const createdAt of times) await newTenant({ name, createdAt })
  const found = async (createdAt) =>
    (await prisma.tenant.findMany({ where: { name, createdAt }, orderBy: { createdAt: 'asc' } })).map(
      (row) => row.createdAt,
    )
  assert.deepEqual(await found({ gt: times[0] }), times.slice(1))
  assert.deepEqual(await found({ gte: times[1] }), times.slice(1))
  assert.deepEqual(await found({ lt: times[1] }), times.slice(0, 1))
  assert.deepEqual(await found({ lte: times[1] }), times.slice(0, 2))
  assert.deepEqual(await found({ equals: times[1] }), [times[1]])
  assert.deepEqual(await found({ in: [times[0], times[2]] }), [times[0], times[2]])
})

// ---- the session's time zone ---------------------------------------------------------------------------------------

// @prisma/adapter-pg sends an instant as the clock of UTC without its zone, and reads the clock of the session's zone
// as if it were UTC's. So it is right in a session in UTC alone.
await check('time zone: a session that asks for none is in UTC', async () => {
  const [{ zone, january, july }] = await prisma.$queryRaw`
    SELECT current_setting('TimeZone') AS zone, extract(timezone FROM '2026-01-15 12:00Z'::timestamptz)::int AS january,
      extract(timezone FROM '2026-07-15 12:00Z'::timestamptz)::int AS july`
  assert.deepEqual(
    [january, july],
    [0, 0],
    `the session is in ${zone}, where Prisma Client gets instants wrong: set the database's timezone to UTC`,
  )
})

await check('time zone: asked for in the address', async () => {
  for (const zone of ['UTC', 'Asia/Kolkata']) {
    const client = connect(addressWith(`-c timezone=${zone}`))
    try {
      assert.deepEqual(await client.$queryRaw`SELECT current_setting('TimeZone') AS zone`, [{ zone }])
    } finally {
      await client.$disconnect()
    }
  }
})

await check('time zone: in Asia/Kolkata, a client reads and finds what it wrote', async () => {
  const client = connect(addressWith('-c timezone=Asia/Kolkata'))
  try {
    const createdAt = new Date('2021-02-03T23:45:06.789Z')
    const slug = unique('tenant')
    const created = await client.tenant.create({
      data: { slug, name: 'A tenant', namespace: `tenant-${slug}`, createdAt },
    })
    assert.deepEqual(created.createdAt, createdAt)
    const count = (filter) => client.tenant.count({ where: { slug, createdAt: filter } })
    assert.equal(await count(createdAt), 1)
    assert.equal(await count({ gt: new Date(createdAt.getTime() - 1), lt: new Date(createdAt.getTime() + 1) }), 1)
    assert.equal(await count({ gt: createdAt }), 0)
    assert.equal(await count({ lt: createdAt }), 0)
    const updated = await client.tenant.update({ where: { slug }, data: { name: 'Another' } })
    assert.deepEqual(await client.tenant.findUnique({ where: { slug } }), updated)
  } finally {
    await client.$disconnect()
  }
})

// What a session in UTC and one in another zone make of each other's instants is the adapter's doing, which no
// database can mend: the check is that it is either right or wrong by the zone's offset, as known.
await check('time zone: in Asia/Kolkata, instants are right or late by the offset known', async () => {
  const inZone = connect(addressWith('-c timezone=Asia/Kolkata'))
  const inUtc = connect(addressWith('-c timezone=UTC'))
  try {
    const createdAt = new Date('2021-02-03T04:05:06.789Z')
    const slug = unique('tenant')
    await inZone.tenant.create({ data: { slug, name: 'A tenant', namespace: `tenant-${slug}`, createdAt } })
    const [{ stored }] = await inUtc.$queryRaw`
      SELECT (extract(epoch FROM created_at) * 1000)::float8 AS stored FROM tenants WHERE slug = ${slug}`
    const written = (createdAt.getTime() - stored) / 60_000
    const other = unique('tenant')
    await inUtc.tenant.create({ data: { slug: other, name: 'A tenant', namespace: `tenant-${other}`, createdAt } })
    const read = ((await inZone.tenant.findUnique({ where: { slug: other } })).createdAt - createdAt) / 60_000
    if (written === 0 && read === 0) return
    assert.deepEqual([written, read], [330, 330], 'minutes by which instants are written too early and read too late')
    note(
      'in a session in Asia/Kolkata this version of @prisma/adapter-pg writes instants 330 minutes too early and ' +
        'reads them 330 minutes too late: sessions of Prisma Client must be in UTC',
    )
  } finally {
    await inZone.$disconnect()
    await inUtc.$disconnect()
  }
})

// ---- keys ----------------------------------------------------------------------------------------------------------

await check('unique: tenants.slug and tenants.namespace (P2002)', async () => {
  const { id, slug, namespace } = await newTenant()
  const expected = (column) => ({ model: 'Tenant', columns: [column], constraint: `tenants_${column}_key` })
  await refused(newTenant({ slug }), 'P2002', expected('slug'))
  await refused(newTenant({ namespace }), 'P2002', expected('namespace'))
  const other = await newTenant()
  await refused(prisma.tenant.update({ where: { id: other.id }, data: { slug } }), 'P2002', expected('slug'))
  await refused(newTenant({ id }), 'P2002', { model: 'Tenant', columns: ['id'], constraint: 'tenants_pkey' })
})

await check('unique: users.email (P2002)', async () => {
  const { email } = await newUser()
  await refused(newUser({ email }), 'P2002', { model: 'User', columns: ['email'], constraint: 'users_email_key' })
})

await check('unique: recipes.slug (P2002)', async () => {
  const { slug } = await newRecipe()
  await refused(newRecipe({ slug }), 'P2002', { model: 'Recipe', columns: ['slug'], constraint: 'recipes_slug_key' })
})

await check('unique: stacks.slug (P2002)', async () => {
  const data = stackData()
  await prisma.stack.create({ data })
  const expected = { model: 'Stack', columns: ['slug'], constraint: 'stacks_slug_key' }
  await refused(prisma.stack.create({ data }), 'P2002', expected)
})

await check('unique: deployments (tenant_id, name) (P2002)', async () => {
  const { tenantId, recipeId, name } = await newDeployment()
  await refused(newDeployment({ tenantId, recipeId, name }), 'P2002', {
    model: 'Deployment',
    columns: ['tenant_id', 'name'],
    constraint: 'deployments_tenant_id_name_key',
  })
  assert.equal((await newDeployment({ recipeId, name })).name, name)
})

await check('unique: recipe_versions (recipe_id, version) (P2002)', async () => {
  const data = { recipeId: (await newRecipe()).id, version: 1, snapshot: {} }
  await prisma.recipeVersion.create({ data })
  const error = await refused(prisma.recipeVersion.create({ data }), 'P2002', {
    model: 'RecipeVersion',
    columns: ['recipe_id', 'version'],
    constraint: 'recipe_versions_recipe_id_version_key',
  })
  const named = error.meta.driverAdapterError?.cause?.constraint ?? { target: error.meta.target }
  note(`P2002 names the key as ${JSON.stringify(named)}`)
  assert.equal((await prisma.recipeVersion.create({ data: { ...data, version: 2 } })).version, 2)
})

await check('foreign keys: a row that refers to nothing is refused (P2003)', async () => {
  const id = 'nothing-has-this-id'
  const { id: recipeId } = await newRecipe()
  const tenant = await newTenant()
  await refused(newUser({ tenantId: id }), 'P2003', { columns: ['tenant_id'], constraint: 'users_tenant_id_fkey' })
  const deployment = { recipeVersion: 1, name: 'a', namespace: 'tenant-a', helmRelease: 'a' }
  await refused(prisma.deployment.create({ data: { ...deployment, tenantId: id, recipeId } }), 'P2003', {
    columns: ['tenant_id'],
    constraint: 'deployments_tenant_id_fkey',
  })
  await refused(prisma.deployment.create({ data: { ...deployment, tenantId: tenant.id, recipeId: id } }), 'P2003', {
    columns: ['recipe_id'],
    constraint: 'deployments_recipe_id_fkey',
  })
  await refused(prisma.recipeVersion.create({ data: { recipeId: id, version: 1, snapshot: {} } }), 'P2003', {
    columns: ['recipe_id'],
    constraint: 'recipe_versions_recipe_id_fkey',
  })
  await refused(prisma.conversation.create({ data: { tenantId: tenant.id, userId: id } }), 'P2003', {
    columns: ['user_id'],
    constraint: 'conversations_user_id_fkey',
  })
  await refused(prisma.message.create({ data: { conversationId: id, role: 'USER', content: '' } }), 'P2003', {
    columns: ['conversation_id'],
    constraint: 'messages_conversation_id_fkey',
  })
})

await check('foreign keys: createdById and changedBy refer to nothing', async () => {
  const { id } = await newRecipe({ createdById: 'nobody' })
  await prisma.recipeVersion.create({ data: { recipeId: id, version: 1, snapshot: {}, changedBy: 'nobody' } })
  await prisma.stack.create({ data: stackData({ createdById: 'nobody' }) })
})

await check('RESTRICT: a tenant with users, deployments or conversations stays (P2003)', async () => {
  const { tenantId } = await newUser()
  const where = { id: tenantId }
  await refused(prisma.tenant.delete({ where }), 'P2003', {
    columns: ['tenant_id'],
    constraint: 'users_tenant_id_fkey',
  })
  await refused(prisma.tenant.deleteMany({ where }), 'P2003')
  await prisma.user.deleteMany({ where: { tenantId } })
  const { id } = await newDeployment({ tenantId })
  await refused(prisma.tenant.delete({ where }), 'P2003', {
    columns: ['tenant_id'],
    constraint: 'deployments_tenant_id_fkey',
  })
  await prisma.deployment.delete({ where: { id } })
  const { id: userId } = await newUser()
  const conversation = await prisma.conversation.create({ data: { tenantId, userId } })
  const error = await refused(prisma.tenant.delete({ where }), 'P2003', {
    columns: ['tenant_id'],
    constraint: 'conversations_tenant_id_fkey',
  })
  const cause = error.meta.driverAdapterError?.cause
  if (cause) note(`P2003 of RESTRICT comes from ${cause.originalCode}, kind ${cause.kind}`)
  await prisma.conversation.delete({ where: { id: conversation.id } })
  await prisma.tenant.delete({ where })
})

await check('RESTRICT: a recipe with deployments stays (P2003)', async () => {
  const { recipeId } = await newDeployment()
  await refused(prisma.recipe.delete({ where: { id: recipeId } }), 'P2003', {
    columns: ['recipe_id'],
    constraint: 'deployments_recipe_id_fkey',
  })
})

await check('RESTRICT: a user with conversations stays (P2003)', async () => {
  const { userId } = await newConversation()
  await refused(prisma.user.delete({ where: { id: userId } }), 'P2003', {
    columns: ['user_id'],
    constraint: 'conversations_user_id_fkey',
  })
})

await check('CASCADE: a recipe takes its versions along', async () => {
  const { id } = await newRecipe({ versions: { create: [1, 2].map((version) => ({ version, snapshot: {} })) } })
  assert.equal(await prisma.recipeVersion.count({ where: { recipeId: id } }), 2)
  await prisma.recipe.delete({ where: { id } })
  assert.equal(await prisma.recipeVersion.count({ where: { recipeId: id } }), 0)
})

await check('CASCADE: a conversation takes its messages along', async () => {
  const { id } = await newConversation({ messages: { create: { role: 'USER', content: 'Hello' } } })
  assert.equal(await prisma.message.count({ where: { conversationId: id } }), 1)
  await prisma.conversation.delete({ where: { id } })
  assert.equal(await prisma.message.count({ where: { conversationId: id } }), 0)
})

await check('CASCADE: a changed id changes what refers to it', async () => {
  const user = await newUser()
  const conversation = await prisma.conversation.create({ data: { tenantId: user.tenantId, userId: user.id } })
  const id = unique('renamed')
  await prisma.tenant.update({ where: { id: user.tenantId }, data: { id } })
  assert.equal((await prisma.user.findUnique({ where: { id: user.id } })).tenantId, id)
  assert.equal((await prisma.conversation.findUnique({ where: { id: conversation.id } })).tenantId, id)
})

// ---- relations -----------------------------------------------------------------------------------------------------

await check('relations: nested writes and include over all of them', async () => {
  const slug = unique('tenant')
  const recipe = recipeData({ versions: { create: { version: 1, snapshot: { version: 1 } } } })
  const tenant = await prisma.tenant.create({
    data: {
      slug,
      name: 'A tenant',
      namespace: `tenant-${slug}`,
      users: { create: [{ email: `${unique('user')}@example.com`, role: 'ADMIN' }] },
      deployments: {
        create: {
          recipeVersion: 1,
          name: 'db',
          namespace: `tenant-${slug}`,
          helmRelease: 'db',
          recipe: { create: recipe },
        },
      },
    },
    include: { users: true, deployments: { include: { recipe: { include: { versions: true } } } } },
  })
  assert.equal(tenant.deployments[0].recipe.versions[0].version, 1)
  const conversation = await prisma.conversation.create({
    data: {
      tenant: { connect: { slug } },
      user: { connect: { email: tenant.users[0].email } },
      messages: {
        createMany: {
          data: [
            { role: 'USER', content: 'one' },
            { role: 'ASSISTANT', content: 'two' },
          ],
        },
      },
    },
    include: { messages: { orderBy: { content: 'asc' } }, user: { include: { tenant: true } } },
  })
  assert.deepEqual(
    conversation.messages.map(({ content }) => content),
    ['one', 'two'],
  )
  assert.equal(conversation.user.tenant.id, tenant.id)
  const changed = await prisma.conversation.update({
    where: { id: conversation.id },
    data: {
      title: 'A heading',
      messages: {
        update: { where: { id: conversation.messages[0].id }, data: { content: 'changed' } },
        delete: { id: conversation.messages[1].id },
        create: { role: 'TOOL', content: 'three', toolInvocations: [{ toolName: 'list' }] },
      },
    },
    include: { messages: { orderBy: { content: 'asc' } } },
  })
  assert.deepEqual(
    changed.messages.map(({ content }) => content),
    ['changed', 'three'],
  )
  const stored = await prisma.conversation.findUnique({
    where: { id: conversation.id },
    include: { messages: { orderBy: { content: 'asc' } } },
  })
  assert.deepEqual(stored, changed)
  const connected = await prisma.recipe.upsert({
    where: { slug: recipe.slug },
    create: recipeData(),
    update: { versions: { create: { version: 2, snapshot: {} } } },
    include: { _count: { select: { versions: true, deployments: true } } },
  })
  assert.deepEqual(connected._count, { versions: 2, deployments: 1 })
})

await check('relations: filters, orders and selections across them', async () => {
  const { id: tenantId, slug } = await newTenant()
  const user = await newUser({ tenantId, role: 'ADMIN' })
  const { id } = await prisma.conversation.create({
    data: { tenantId, userId: user.id, messages: { create: [{ role: 'USER', content: 'needle' }] } },
  })
  const rows = await prisma.conversation.findMany({
    where: {
      tenant: { slug },
      user: { role: 'ADMIN' },
      messages: { some: { content: { contains: 'NEED', mode: 'insensitive' } } },
    },
    orderBy: { user: { email: 'asc' } },
    select: { id: true, messages: { select: { role: true } } },
  })
  assert.deepEqual(rows, [{ id, messages: [{ role: 'USER' }] }])
  assert.equal(
    await prisma.tenant.count({ where: { slug, deployments: { none: {} }, users: { every: { role: 'ADMIN' } } } }),
    1,
  )
  const safe = await prisma.user.findUnique({ where: { id: user.id }, omit: { passwordHash: true } })
  assert.ok(!('passwordHash' in safe))
})

// ---- transactions --------------------------------------------------------------------------------------------------

await check('transactions: a list of operations, all or none', async () => {
  const first = { slug: unique('tenant'), name: 'A', namespace: unique('namespace') }
  const [made, count] = await prisma.$transaction([
    prisma.tenant.create({ data: first }),
    prisma.tenant.count({ where: { slug: first.slug } }),
  ])
  assert.deepEqual([made.slug, count], [first.slug, 1])
  const second = { slug: unique('tenant'), name: 'B', namespace: unique('namespace') }
  await refused(
    prisma.$transaction([prisma.tenant.create({ data: second }), prisma.tenant.create({ data: first })]),
    'P2002',
  )
  assert.equal(await prisma.tenant.count({ where: { slug: second.slug } }), 0)
})

await check('transactions: an interactive one, committed, rolled back and serializable', async () => {
  const slug = unique('tenant')
  const create = (tx) => tx.tenant.create({ data: { slug, name: 'A', namespace: `tenant-${slug}` } })
  await assert.rejects(
    prisma.$transaction(async (tx) => {
      await create(tx)
      throw new Error('changed my mind')
    }),
    /changed my mind/,
  )
  assert.equal(await prisma.tenant.count({ where: { slug } }), 0)
  const made = await prisma.$transaction(create, { isolationLevel: 'Serializable' })
  assert.deepEqual(await prisma.tenant.findUnique({ where: { slug } }), made)
})

await check('transactions: updatedAt moves within one, too', async () => {
  const { id } = await newTenant()
  const [first, second] = await prisma.$transaction(async (tx) => {
    const one = await tx.tenant.update({ where: { id }, data: { name: 'one' } })
    await sleep(5)
    return [one, await tx.tenant.update({ where: { id }, data: { name: 'two' } })]
  })
  assert.ok(second.updatedAt > first.updatedAt)
})

// ---- vectors -------------------------------------------------------------------------------------------------------

for (const [table, delegate, create] of [
  ['recipes', prisma.recipe, () => newRecipe()],
  ['stacks', prisma.stack, () => prisma.stack.create({ data: stackData() })],
]) {
  await check(`vectors: ${table} get an embedding and are found by distance`, async () => {
    const [near, far, none] = [await create(), await create(), await create()]
    const name = Prisma.raw(table)
    for (const [row, vector] of [
      [near, vectorText(0, 1)],
      [far, vectorText(1000)],
    ]) {
      assert.equal(await prisma.$executeRaw`UPDATE ${name} SET embedding = ${vector}::vector WHERE id = ${row.id}`, 1)
    }
    const sought = vectorText(0)
    const rows = await prisma.$queryRaw`
      SELECT id, embedding <=> ${sought}::vector AS distance FROM ${name}
      WHERE embedding IS NOT NULL ORDER BY embedding <=> ${sought}::vector LIMIT 2`
    assert.deepEqual(
      rows.map(({ id }) => id),
      [near.id, far.id],
    )
    assert.ok(Math.abs(rows[0].distance - (1 - Math.SQRT1_2)) < 1e-6, `distance ${rows[0].distance}`)
    assert.equal(rows[1].distance, 1)
    const [{ text }] = await prisma.$queryRaw`SELECT embedding::text AS text FROM ${name} WHERE id = ${near.id}`
    assert.equal(text, vectorText(0, 1))
    // The other operations go on working on a row that has one, and do not read it.
    const updated = await delegate.update({ where: { id: near.id }, data: { description: 'Another.' } })
    assert.ok(!('embedding' in updated))
    const [{ kept }] = await prisma.$queryRaw`SELECT embedding IS NOT NULL AS kept FROM ${name} WHERE id = ${near.id}`
    assert.equal(kept, true)
    const [{ empty }] = await prisma.$queryRaw`SELECT embedding IS NULL AS empty FROM ${name} WHERE id = ${none.id}`
    assert.equal(empty, true)
    await assert.rejects(
      prisma.$executeRaw`UPDATE ${name} SET embedding = ${'[1,2,3]'}::vector WHERE id = ${none.id}`,
      /expected 1536 dimensions/,
    )
  })
}

// ---- the pool ------------------------------------------------------------------------------------------------------

await check("pool: a pool of the service's own, and many requests at once", async () => {
  const pool = new pg.Pool({ connectionString: URL_OF_DATABASE, max: 4 })
  const client = new PrismaClient({ adapter: new PrismaPg(pool) })
  try {
    const category = unique('category')
    const made = await Promise.all(
      Array.from({ length: 40 }, () => client.recipe.create({ data: recipeData({ category }) })),
    )
    assert.equal(new Set(made.map(({ id }) => id)).size, 40)
    assert.equal(await client.recipe.count({ where: { category } }), 40)
  } finally {
    await client.$disconnect()
    await pool.end()
  }
})

await prisma.$disconnect()
console.log(`${passed + failed} checks, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

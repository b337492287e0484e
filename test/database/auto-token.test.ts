import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyOf, newTokenId } from '../../src/auth/key.ts';
import { autoToken, newLoginToken } from '../../src/database/auto-token.ts';
import { tokenKeys } from '../../src/database/token-keys.ts';
import { type Client, type Fixture, type Operation, openFixture } from './fixtures/auto-token/fixture.ts';

let fixture: Fixture;
let db: Client;

beforeAll(async () => {
  fixture = await openFixture();
  db = fixture.bare.$extends(autoToken());
  await fixture.pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF (SELECT username LIKE 'doomed%' FROM people WHERE "user id" = NEW.owner) THEN
        RAISE EXCEPTION 'no token for the doomed';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON "Tokens of people" FOR EACH ROW EXECUTE FUNCTION refuse();
  `);
});
afterAll(() => fixture?.close());

let count = 0;
const fresh = (prefix = 'w') => `${prefix}${++count}`;

/** The live login tokens of every user whose name begins so. */
async function tokensOf(tag: string): Promise<Record<string, number>> {
  const { rows } = await fixture.pool.query(
    `SELECT username, count(t.id) FILTER (WHERE t.kind = 'LOGIN' AND t.name = 'default' AND t.scopes = '{*}' AND t."superseded at" IS NULL)::int AS tokens
     FROM people LEFT JOIN "Tokens of people" t ON t.owner = "user id" WHERE username LIKE $1 || '-%' GROUP BY username`,
    [tag],
  );
  return Object.fromEntries(rows.map(({ username, tokens }) => [username.slice(tag.length + 1), tokens]));
}

interface Way {
  /** Names of the users made; `old` is there before, without a token, and must stay so. */
  makes: string[];
  old?: true;
  write: (
    client: Client,
    tag: string,
    ids: { team: number; organization: number; old: string },
  ) => PromiseLike<unknown>;
}

const user = (tag: string, name: string) => ({ username: `${tag}-${name}` });
const team = (tag: string, members: object) => ({ name: `${tag} team`, members });

const WAYS: Record<string, Way> = {
  create: { makes: ['a'], write: (c, t) => c.user.create({ data: user(t, 'a') }) },
  'create with a select of one field': {
    makes: ['a'],
    write: (c, t) => c.user.create({ data: user(t, 'a'), select: { username: true } }),
  },
  'create with its own id': {
    makes: ['a'],
    write: (c, t) => c.user.create({ data: { id: randomUUID(), ...user(t, 'a') } }),
  },
  'create under a foreign key given as a scalar': {
    makes: ['a'],
    write: (c, t, { team: teamId }) => c.user.create({ data: { teamId, ...user(t, 'a') } }),
  },
  'upsert that creates': {
    makes: ['a'],
    write: (c, t) => c.user.upsert({ where: user(t, 'a'), create: user(t, 'a'), update: {} }),
  },
  'upsert that creates and reads a relation': {
    makes: ['a'],
    write: (c, t) =>
      c.user.upsert({ where: user(t, 'a'), create: user(t, 'a'), update: {}, include: { tokens: true } }),
  },
  'upsert that creates with its own id': {
    makes: ['a'],
    write: (c, t) => c.user.upsert({ where: user(t, 'a'), create: { id: randomUUID(), ...user(t, 'a') }, update: {} }),
  },
  'upsert that updates': {
    makes: [],
    old: true,
    write: (c, t) => c.user.upsert({ where: user(t, 'old'), create: user(t, 'old'), update: { team: undefined } }),
  },
  'upsert that updates, reading a relation': {
    makes: [],
    old: true,
    write: (c, t, { old }) =>
      c.user.upsert({ where: { id: old }, create: user(t, 'x'), update: {}, include: { tokens: true } }),
  },
  createMany: {
    makes: ['a', 'b', 'c'],
    write: (c, t) => c.user.createMany({ data: [user(t, 'a'), { id: randomUUID(), ...user(t, 'b') }, user(t, 'c')] }),
  },
  'createMany of one object': { makes: ['a'], write: (c, t) => c.user.createMany({ data: user(t, 'a') }) },
  'createMany with skipDuplicates': {
    makes: ['a', 'b'],
    old: true,
    write: (c, t, { old }) =>
      c.user.createMany({
        data: [user(t, 'a'), user(t, 'old'), { id: old, ...user(t, 'z') }, { id: randomUUID(), ...user(t, 'b') }],
        skipDuplicates: true,
      }),
  },
  createManyAndReturn: {
    makes: ['a', 'b'],
    write: (c, t) => c.user.createManyAndReturn({ data: [user(t, 'a'), user(t, 'b')], select: { username: true } }),
  },
  'createManyAndReturn with skipDuplicates': {
    makes: ['a', 'b'],
    old: true,
    write: (c, t, { old }) =>
      c.user.createManyAndReturn({
        data: [user(t, 'a'), user(t, 'old'), { id: old, ...user(t, 'z') }, user(t, 'b')],
        skipDuplicates: true,
        include: { team: true },
      }),
  },
  'create nested one level deep': {
    makes: ['a'],
    write: (c, t, { organization: organizationId }) =>
      c.team.create({ data: { organizationId, ...team(t, { create: user(t, 'a') }) } }),
  },
  'a list of creates nested one level deep': {
    makes: ['a', 'b'],
    write: (c, t, { team: id }) =>
      c.team.update({ where: { id }, data: { members: { create: [user(t, 'a'), user(t, 'b')] } } }),
  },
  'create nested two levels deep': {
    makes: ['a', 'b'],
    write: (c, t) =>
      c.organization.create({
        data: { name: t, teams: { create: [team(t, { create: [user(t, 'a'), user(t, 'b')] })] } },
      }),
  },
  'create nested three levels deep': {
    makes: ['a', 'b'],
    write: (c, t) =>
      c.organization.create({
        data: {
          name: t,
          teams: {
            create: team(t, { create: { ...user(t, 'a'), badges: { create: { team: { create: deepTeam(t) } } } } }),
          },
        },
      }),
  },
  'createMany nested': {
    makes: ['a', 'b'],
    write: (c, t, { team: id }) =>
      c.team.update({ where: { id }, data: { members: { createMany: { data: [user(t, 'a'), user(t, 'b')] } } } }),
  },
  'createMany nested, with skipDuplicates': {
    makes: ['a'],
    old: true,
    write: (c, t, { team: id, old }) =>
      c.team.update({
        where: { id },
        data: {
          members: {
            createMany: { data: [user(t, 'a'), user(t, 'old'), { id: old, ...user(t, 'z') }], skipDuplicates: true },
          },
        },
      }),
  },
  'createMany nested beside a create': {
    makes: ['a', 'b'],
    write: (c, t) =>
      c.organization.create({
        data: {
          name: t,
          teams: { create: team(t, { create: user(t, 'a'), createMany: { data: [user(t, 'b')] } }) },
        },
      }),
  },
  'connectOrCreate nested': {
    makes: ['a'],
    old: true,
    write: (c, t, { team: id }) =>
      c.team.update({
        where: { id },
        data: {
          members: {
            connectOrCreate: ['a', 'old'].map((name) => ({ where: user(t, name), create: user(t, name) })),
          },
        },
      }),
  },
  'upsert nested': {
    makes: ['a'],
    write: (c, t, { team: id }) =>
      c.team.update({
        where: { id },
        data: { members: { upsert: { where: user(t, 'a'), create: user(t, 'a'), update: {} } } },
      }),
  },
  "upsert of another model, by its create's nested users": {
    makes: ['a', 'b'],
    write: (c, t) =>
      c.organization.upsert({
        where: { name: t },
        create: {
          name: t,
          teams: { create: team(t, { create: user(t, 'a'), createMany: { data: user(t, 'b') } }) },
        },
        update: { teams: { create: team(t, { create: user(t, 'x') }) } },
      }),
  },
  "upsert of another model, by its update's nested users": {
    makes: ['x', 'y'],
    write: (c, t, { organization: id }) =>
      c.organization.upsert({
        where: { id },
        create: { name: t, teams: { create: team(t, { createMany: { data: user(t, 'a') } }) } },
        update: { teams: { create: team(t, { create: user(t, 'x'), createMany: { data: user(t, 'y') } }) } },
      }),
  },
  'update nested, with a create in it': {
    makes: ['a'],
    write: (c, t, { organization, team: id }) =>
      c.organization.update({
        where: { id: organization },
        data: { teams: { update: { where: { id }, data: { members: { create: user(t, 'a') } } } } },
      }),
  },
  'update nested in a to-one relation': {
    makes: ['a'],
    old: true,
    write: (c, t, { old: id }) =>
      c.user.update({
        where: { id },
        data: { team: { update: { badge: { create: { user: { create: user(t, 'a') } } } } } },
      }),
  },
  'update nested in a to-one relation, with where and data': {
    makes: ['a'],
    old: true,
    write: (c, t, { old: id, team }) =>
      c.user.update({
        where: { id },
        data: {
          team: { update: { where: { id: team }, data: { badge: { create: { user: { create: user(t, 'a') } } } } } },
        },
      }),
  },
  'create nested in a to-one relation': {
    makes: ['a'],
    write: (c, t, { team: teamId }) =>
      c.badge.create({ data: { team: { connect: { id: teamId } }, user: { create: user(t, 'a') } } }),
  },
  'create under a login token': {
    makes: ['a'],
    write: (c, t) => c.token.create({ data: { scopes: ['*'], user: { create: user(t, 'a') } } }),
  },
  'create under an API token': {
    makes: ['a'],
    write: (c, t) => c.token.create({ data: { kind: 'API', name: 'ci', user: { create: user(t, 'a') } } }),
  },
  'connectOrCreate under an API token': {
    makes: ['a'],
    write: (c, t) =>
      c.token.create({
        data: {
          kind: 'API',
          name: 'ci',
          user: { connectOrCreate: { where: user(t, 'a'), create: { id: randomUUID(), ...user(t, 'a') } } },
        },
      }),
  },
  'upsert under a login token': {
    makes: ['a'],
    write: (c, t, { old }) =>
      c.token.upsert({
        where: { id: old },
        create: { user: { create: user(t, 'a') } },
        update: { user: { create: user(t, 'x') } },
      }),
  },
  'create with a token of the caller': {
    makes: ['a'],
    write: (c, t) => c.user.create({ data: { ...user(t, 'a'), tokens: { create: { name: 'default' } } } }),
  },
  'create with an API token of the caller': {
    makes: ['a'],
    write: (c, t) => c.user.create({ data: { ...user(t, 'a'), tokens: { create: { kind: 'API', name: 'ci' } } } }),
  },
};

function deepTeam(tag: string) {
  return {
    name: `${tag} deep`,
    organization: { create: { name: `${tag} deep` } },
    members: { create: user(tag, 'b') },
  };
}

async function prepare(way: Way, tag: string) {
  const organization = (await fixture.bare.organization.create({ data: { name: `${tag} first` } })) as { id: number };
  const first = (await fixture.bare.team.create({
    data: { name: `${tag} first`, organizationId: organization.id },
  })) as { id: number };
  const old = randomUUID();
  if (way.old) await fixture.bare.user.create({ data: { id: old, teamId: first.id, ...user(tag, 'old') } });
  return { organization: organization.id, team: first.id, old };
}

const untouched = (way: Way) => (way.old ? { old: 0 } : {});
const made = (way: Way) => ({ ...untouched(way), ...Object.fromEntries(way.makes.map((name) => [name, 1])) });

describe.each(Object.entries(WAYS))('%s', (_, way) => {
  test('makes one login token for each user', async () => {
    const tag = fresh();
    await way.write(db, tag, await prepare(way, tag));
    expect(await tokensOf(tag)).toEqual(made(way));
  });

  test('answers as it does without the extension, and leaves its arguments alone', async () => {
    const replies: unknown[] = [];
    for (const client of [fixture.bare, db]) {
      const tag = fresh();
      const ids = await prepare(way, tag);
      const reply = await way.write(deeplyChecked(client), tag, ids);
      replies.push(JSON.parse(JSON.stringify(reply), (key, value) => shapeOf(key, value, tag)));
    }
    expect(replies[1]).toEqual(replies[0]);
  });

  test('makes them in an array transaction, among other writes', async () => {
    const tag = fresh();
    const ids = await prepare(way, tag);
    const [, , , last] = await db.$transaction([
      db.organization.create({ data: { name: `${tag} before` } }),
      way.write(db, tag, ids),
      db.user.createMany({ data: [user(tag, 'm'), user(tag, 'n')] }),
      db.user.create({ data: user(tag, 'o') }),
    ]);
    expect(last).toMatchObject(user(tag, 'o'));
    expect(await tokensOf(tag)).toEqual({ ...made(way), m: 1, n: 1, o: 1 });
  });

  test('leaves nothing when a later write of its array transaction fails', async () => {
    const tag = fresh();
    const ids = await prepare(way, tag);
    const failing = db.$transaction([
      way.write(db, tag, ids),
      db.organization.create({ data: { name: `${tag} first` } }),
      db.user.createMany({ data: [user(tag, 'm')] }),
    ]);
    await expect(failing).rejects.toMatchObject({ code: 'P2002' });
    expect(await tokensOf(tag)).toEqual(untouched(way));
  });

  test('makes them in an interactive transaction', async () => {
    const tag = fresh();
    const ids = await prepare(way, tag);
    await db.$transaction(async (tx) => {
      await way.write(tx, tag, ids);
      await tx.user.createMany({ data: [user(tag, 'm')] });
    });
    expect(await tokensOf(tag)).toEqual({ ...made(way), m: 1 });
  });

  test('leaves nothing when its interactive transaction throws later', async () => {
    const tag = fresh();
    const ids = await prepare(way, tag);
    const failing = db.$transaction(async (tx) => {
      await way.write(tx, tag, ids);
      throw new Error('thought better of it');
    });
    await expect(failing).rejects.toThrow('thought better of it');
    expect(await tokensOf(tag)).toEqual(untouched(way));
  });

  test.runIf(way.makes.length > 0)('makes no user whose token cannot be made', async () => {
    type Write = () => Promise<unknown>;
    const contexts: ((write: (client: Client) => PromiseLike<unknown>, tag: string) => Write)[] = [
      (write) => async () => write(db),
      (write, tag) => () => db.$transaction([write(db), db.organization.create({ data: { name: `${tag} after` } })]),
      (write) => () => db.$transaction(async (tx) => void (await write(tx))),
    ];
    for (const context of contexts) {
      const tag = fresh('doomed');
      const ids = await prepare(way, tag);
      const write = context((client) => way.write(client, tag, ids), tag);
      await expect(write()).rejects.toThrow('no token for the doomed');
      expect(await tokensOf(tag)).toEqual(untouched(way));
    }
  });
});

/** The client with every argument compared, after the write, with what it was before. */
function deeplyChecked(client: Client): Client {
  const checkedModel = (model: Client['user']) =>
    new Proxy(model, {
      get: (target, operation: Operation) => async (args: unknown) => {
        const was = structuredClone(args);
        const reply = await target[operation](args);
        expect(args).toEqual(was);
        return reply;
      },
    });
  return new Proxy(client, { get: (target, name: 'user') => checkedModel(target[name]) });
}

function shapeOf(key: string, value: unknown, tag: string): unknown {
  if (key === 'tokens' && Array.isArray(value)) return 'tokens';
  if (/id$/i.test(key) || key === 'createdAt') return typeof value;
  return typeof value === 'string' ? value.replaceAll(tag, 'tag') : value;
}

test('shows the token to a create or upsert that includes it', async () => {
  const [data, create] = [user(fresh(), 'a'), user(fresh(), 'a')];
  const tokens = [{ kind: 'LOGIN', name: 'default', scopes: ['*'], expiresAt: null }];
  const include = { tokens: true };
  expect(await db.user.create({ data, include })).toMatchObject({ tokens });
  expect(await db.user.upsert({ where: create, create, update: {}, include })).toMatchObject({ tokens });
});

test('leaves the login token that the caller gives as it is', async () => {
  const tag = fresh();
  const id = newTokenId();
  const tokens = { create: [{ id, scopes: ['read'] }] };
  expect(
    await db.user.create({ data: { ...user(tag, 'a'), tokens }, select: { tokens: { select: { id: true } } } }),
  ).toEqual({
    tokens: [{ id }],
  });
});

test('adds none to a user who is made to take over a login token', async () => {
  const tag = fresh();
  await db.user.create({ data: user(tag, 'old') });
  const { id } = (await db.token.findFirst({ where: { user: user(tag, 'old') } })) as { id: string };
  await db.token.update({ where: { id }, data: { user: { create: user(tag, 'a') } } });
  expect(await tokensOf(tag)).toEqual({ old: 0, a: 1 });
});

test('adds the login token to a superseded one', async () => {
  const tag = fresh();
  await db.user.create({ data: { ...user(tag, 'a'), tokens: { create: { supersededAt: new Date() } } } });
  expect(await tokensOf(tag)).toEqual({ a: 1 });
});

test('lets two writes run at once in one interactive transaction', async () => {
  const tag = fresh();
  await db.$transaction(async (tx) => {
    await Promise.all([
      tx.user.createMany({ data: [user(tag, 'a'), user(tag, 'b')] }),
      tx.user.createMany({ data: [user(tag, 'b'), { id: randomUUID(), ...user(tag, 'c') }], skipDuplicates: true }),
      tx.user.create({ data: user(tag, 'd') }),
    ]);
  });
  expect(await tokensOf(tag)).toEqual({ a: 1, b: 1, c: 1, d: 1 });
});

test('makes one user and one token of twenty upserts at once', async () => {
  const tag = fresh();
  const upsert = () => db.user.upsert({ where: user(tag, 'a'), create: user(tag, 'a'), update: user(tag, 'a') });
  await Promise.all(Array.from({ length: 20 }, upsert));
  expect(await tokensOf(tag)).toEqual({ a: 1 });
});

test('keeps the ids that are given and answers createMany with the count alone', async () => {
  const tag = fresh();
  const id = randomUUID();
  const data = [{ id, ...user(tag, 'a') }, user(tag, 'b')];
  expect(await db.user.createMany({ data })).toEqual({ count: 2 });
  const more = [{ id: randomUUID(), ...user(tag, 'c') }, ...data];
  expect(await db.$transaction([db.user.createMany({ data: more, skipDuplicates: true })])).toEqual([{ count: 1 }]);
  expect(await db.user.findUnique({ where: { id }, select: { username: true } })).toEqual(user(tag, 'a'));
});

test.each([false, true])('makes ten thousand users by createMany, skipDuplicates %s', async (skipDuplicates) => {
  const tag = fresh();
  const data = Array.from({ length: 10_000 }, (_, n) => user(tag, `u${n}`));
  expect(await db.user.createMany({ data, skipDuplicates })).toEqual({ count: 10_000 });
  const tokens = Object.values(await tokensOf(tag));
  expect(tokens.length).toBe(10_000);
  expect(tokens.every((n) => n === 1)).toBe(true);
});

test('fails the users when a token id is taken', async () => {
  const tag = fresh();
  const id = newTokenId();
  const clashing = fixture.bare.$extends(autoToken({ newToken: () => ({ ...newLoginToken(), id }) }));
  await clashing.user.create({ data: user(tag, 'a') });
  for (const data of [user(tag, 'b'), user(tag, 'c')]) {
    await expect(clashing.user.create({ data })).rejects.toMatchObject({ code: 'P2002' });
    await expect(clashing.user.createMany({ data })).rejects.toMatchObject({ code: 'P2002' });
    await expect(clashing.user.createMany({ data, skipDuplicates: true })).rejects.toThrow();
  }
  expect(await tokensOf(tag)).toEqual({ a: 1 });
});

test('runs beside other extensions, on either side', async () => {
  const tag = fresh();
  const seen: string[] = [];
  const watcher = (name: string) => ({
    query: {
      $allModels: {
        async $allOperations({
          model,
          operation,
          args,
          query,
        }: {
          model: string;
          operation: string;
          args: object;
          query: (args: object) => Promise<unknown>;
        }) {
          seen.push(`${name} ${model}.${operation}`);
          await new Promise((resolve) => setImmediate(resolve));
          return query(args);
        },
      },
    },
  });
  const client = fixture.bare.$extends(watcher('outer')).$extends(autoToken()).$extends(watcher('inner'));
  await client.user.createMany({ data: [user(tag, 'a')] });
  await client.$transaction([
    client.user.createMany({ data: user(tag, 'b') }),
    client.user.create({ data: user(tag, 'c') }),
  ]);
  await client.$transaction(async (tx) => void (await tx.user.createMany({ data: user(tag, 'd') })));
  expect(await tokensOf(tag)).toEqual({ a: 1, b: 1, c: 1, d: 1 });
  expect(seen.filter((line) => line.endsWith('User.createMany'))).toHaveLength(6);
});

test('keeps an array transaction whole when another extension delays some of its operations', async () => {
  const tag = fresh();
  let delayed = 0;
  const client = db.$extends({
    query: {
      organization: {
        async create({ args, query }: { args: object; query: (args: object) => Promise<unknown> }) {
          await new Promise((resolve) => setTimeout(resolve, 40 * ++delayed));
          return query(args);
        },
      },
    },
  });
  const organization = { data: { name: `${tag} first` } };
  const failing = client.$transaction([
    client.user.createMany({ data: user(tag, 'a') }),
    client.organization.create(organization),
    client.organization.create(organization),
  ]);
  await expect(failing).rejects.toMatchObject({ code: 'P2002' });
  expect(await tokensOf(tag)).toEqual({});
});

test('refuses names that the schema does not have', () => {
  expect(() => fixture.bare.$extends(autoToken({ userModel: 'Member' }))).toThrow(
    'autoToken: the Prisma schema has no model "Member".',
  );
  expect(() => fixture.bare.$extends(autoToken({ tokensField: 'keys' }))).toThrow(
    'autoToken: the model "User" has no field "keys".',
  );
});

test('refuses a Prisma that tells a query extension of no transaction', async () => {
  const tag = fresh();
  const blind = fixture.bare.$extends((client: Client) => {
    const { query } = autoToken()({
      ...client,
      _runtimeDataModel: (client as never as { _runtimeDataModel: unknown })._runtimeDataModel,
      $extends: (extension: unknown) => extension,
    } as never) as never as { query: { $allModels: { $allOperations(call: object): unknown } } };
    return client.$extends({
      query: {
        $allModels: {
          $allOperations: ({ __internalParams, ...call }: { __internalParams: unknown }) =>
            query.$allModels.$allOperations(call),
        },
      },
    });
  });
  await expect(blind.user.createMany({ data: [user(tag, 'a')] })).rejects.toThrow(
    'autoToken was written for Prisma 7.10 and does not find its __internalParams: no user was made.',
  );
  expect(await tokensOf(tag)).toEqual({});
});

test('gives a token its key when asked by a call, and shows it in no JSON', async () => {
  const secrets = ['a secret of the test, long enough'] as const;
  const tag = fresh();
  const keyed = db.$extends(tokenKeys({ secrets }));
  await keyed.user.create({ data: user(tag, 'a') });
  const token = (await keyed.token.findFirst({ where: { user: user(tag, 'a') } })) as { id: string; key(): string };
  expect(token.key()).toBe(keyOf(token, secrets));
  expect(JSON.stringify(token)).not.toContain('tsr_');
  expect(await db.token.findFirst({ where: { user: user(tag, 'a') } })).not.toHaveProperty('key');
});

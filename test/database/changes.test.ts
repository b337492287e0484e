import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, afterEach, describe, expect, inject, it } from 'vitest';
import { type Change, readChange } from '../../src/database/changes.ts';
import { openSession } from '../plain-sql.ts';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { makeUser, changes } = world;
const session: pg.Client = await openSession(world.env);
// Before the world closes its database.
afterAll(() => session.end());

/** What is told of this, in order. */
async function toldOf(work: () => Promise<unknown>): Promise<Change[]> {
  await changes.settle();
  const told: Change[] = [];
  const stop = changes.subscribe((change) => told.push(change));
  await work();
  await changes.settle();
  stop();
  return told;
}

function sql(text: string, values?: unknown[]): Promise<unknown> {
  return session.query(text, values);
}

const ofToken = expect.objectContaining({ table: 'Token', operation: 'UPDATE' });

describe('a change of a token', () => {
  it('is told with the row as it is afterwards, and no secret', async () => {
    const { user } = await makeUser();
    let id = '';
    const [made] = await toldOf(async () => {
      const { rows } = await session.query(
        `INSERT INTO "Token" ("userId", "kind", "name", "expiresAt") VALUES ($1, 'API', 'deploy', '2040-01-01') RETURNING "id"`,
        [user.id],
      );
      id = rows[0].id;
    });
    const row = {
      table: 'Token',
      id,
      userId: user.id,
      name: 'deploy',
      kind: 'API',
      createdAt: expect.any(Date),
      expiresAt: new Date('2040-01-01'),
      lastUsedAt: null,
      supersededAt: null,
      isJustSuperseded: false,
    };
    expect(made).toEqual({ ...row, operation: 'INSERT' });
    const supersede = `UPDATE "Token" SET "supersededAt" = '2030-01-01', "expiresAt" = '2030-01-02' WHERE "id" = $1`;
    const superseded = {
      ...row,
      operation: 'UPDATE',
      expiresAt: new Date('2030-01-02'),
      supersededAt: new Date('2030-01-01'),
    };
    expect(await toldOf(() => sql(supersede, [id]))).toEqual([{ ...superseded, isJustSuperseded: true }]);
    expect(await toldOf(() => sql(supersede, [id]))).toEqual([superseded]);
    expect(await toldOf(() => sql('DELETE FROM "Token" WHERE "id" = $1', [id]))).toEqual([
      { ...superseded, operation: 'DELETE' },
    ]);
  });

  it.each([
    ['kind', `'API'`],
    ['name', `'renamed'`],
    ['scopes', `'{account:read}'`],
    ['createdAt', 'now()'],
    ['expiresAt', 'now()'],
    ['supersededAt', 'now()'],
  ])('is told when its %s is set', async (column, value) => {
    const { token } = await makeUser();
    const told = await toldOf(() => sql(`UPDATE "Token" SET "${column}" = ${value} WHERE "id" = '${token.id}'`));
    expect(told).toEqual([expect.objectContaining({ table: 'Token', operation: 'UPDATE', id: token.id })]);
  });

  it('is told of the old id and the new when its id is set, and of its new owner', async () => {
    const [{ token }, { user: other }] = [await makeUser(), await makeUser()];
    const id = '00000000-0000-4000-8000-000000000001';
    expect(await toldOf(() => sql('UPDATE "Token" SET "id" = $2 WHERE "id" = $1', [token.id, id]))).toEqual([
      expect.objectContaining({ table: 'Token', operation: 'DELETE', id: token.id }),
      expect.objectContaining({ table: 'Token', operation: 'UPDATE', id }),
    ]);
    await sql('DELETE FROM "Token" WHERE "userId" = $1', [other.id]);
    expect(await toldOf(() => sql('UPDATE "Token" SET "userId" = $2 WHERE "id" = $1', [id, other.id]))).toEqual([
      expect.objectContaining({ table: 'Token', operation: 'UPDATE', id, userId: other.id }),
    ]);
  });

  it('is not told when it was only used', async () => {
    const { token } = await makeUser();
    expect(await toldOf(() => sql('UPDATE "Token" SET "lastUsedAt" = now() WHERE "id" = $1', [token.id]))).toEqual([]);
  });
});

describe('a change of a user', () => {
  it.each([
    ['username', `'renamed'`],
    ['email', `'new@example.org'`],
    ['isActive', 'false'],
    ['isStaff', 'true'],
    ['isSuperuser', 'true'],
    ['dateJoined', 'now()'],
    ['lastLogin', 'now()'],
  ])('is told when the %s is set', async (column, value) => {
    const { user } = await makeUser();
    const told = await toldOf(() => sql(`UPDATE "User" SET "${column}" = ${value} WHERE "id" = '${user.id}'`));
    expect(told).toEqual([{ table: 'User', operation: 'UPDATE', id: user.id }]);
  });

  it('is told under the id that was known when the id is set, and to his tokens', async () => {
    const { user } = await makeUser();
    const told = await toldOf(() => sql('UPDATE "User" SET "id" = gen_random_uuid() WHERE "id" = $1', [user.id]));
    expect(told).toEqual(expect.arrayContaining([{ table: 'User', operation: 'UPDATE', id: user.id }, ofToken]));
    expect(told).toHaveLength(2);
  });

  it('is not told when he is made, or has another password', async () => {
    const { user } = await makeUser();
    expect(await toldOf(() => sql(`UPDATE "User" SET "passwordHash" = 'x' WHERE "id" = $1`, [user.id]))).toEqual([]);
    expect(await toldOf(() => sql(`INSERT INTO "User" ("username", "usernameKey") VALUES ('new', 'new')`))).toEqual([]);
  });

  it('is told with every token of his that goes with him', async () => {
    const { user, token } = await makeUser();
    const told = await toldOf(() => sql('DELETE FROM "User" WHERE "id" = $1', [user.id]));
    expect(told).toHaveLength(2);
    expect(told).toContainEqual({ table: 'User', operation: 'DELETE', id: user.id });
    expect(told).toContainEqual(expect.objectContaining({ table: 'Token', operation: 'DELETE', id: token.id }));
  });
});

describe('changes', () => {
  afterEach(() => session.query('ROLLBACK; RESET ALL'));

  it('are told of sessions in which triggers are for replicas', async () => {
    const { user } = await makeUser();
    await sql('SET session_replication_role = replica');
    expect(await toldOf(() => sql('UPDATE "User" SET "isActive" = false WHERE "id" = $1', [user.id]))).toHaveLength(1);
    expect(await toldOf(() => sql('DELETE FROM "Token" WHERE "userId" = $1', [user.id]))).toHaveLength(1);
    expect(await toldOf(() => sql('TRUNCATE "Token"'))).toEqual([{ table: null }]);
  });

  it('are told at the commit, in the order of commits, and not at all of what was rolled back', async () => {
    const { user, token } = await makeUser();
    const told = await toldOf(async () => {
      await sql('BEGIN');
      await sql('DELETE FROM "Token" WHERE "id" = $1', [token.id]);
      await sql('ROLLBACK');
      await sql('BEGIN');
      await sql('UPDATE "User" SET "isActive" = false WHERE "id" = $1', [user.id]);
      await sql('UPDATE "Token" SET "expiresAt" = now() WHERE "id" = $1', [token.id]);
      await sql('COMMIT');
    });
    expect(told.map(({ table }) => table)).toEqual(['User', 'Token']);
  });

  it('of a whole table may be of anything', async () => {
    expect(await toldOf(() => sql('TRUNCATE "Token"'))).toEqual([{ table: null }]);
    // Both tables' triggers say so.
    expect(await toldOf(() => sql('TRUNCATE "User" CASCADE'))).toEqual([{ table: null }, { table: null }]);
  });

  it('are told before a mutation that made them is answered', async () => {
    const told: Change[] = [];
    const stop = changes.subscribe((change) => told.push(change));
    const { user } = await makeUser();
    for (let round = 0; round < 5; round++) {
      const { body } = await world.request(LOGIN, { variables: { username: user.username } });
      const { key, token } = body.data.obtainAuthToken;
      told.length = 0;
      await world.request(REVOKE, { variables: { id: token.id }, key });
      expect(told).toEqual([expect.objectContaining({ table: 'Token', operation: 'DELETE', userId: user.id })]);
    }
    stop();
  });

  const LOGIN = `mutation Login($username: String!) {
    obtainAuthToken(input: { username: $username, password: "a fine long password" }) {
      ... on IssuedToken { key token { id } }
    }
  }`;
  const REVOKE = 'mutation Revoke($id: ID!) { revokeToken(id: $id) { __typename } }';
});

describe('a notice', () => {
  it.each([
    ['200 control characters', '\u0001'.repeat(200)],
    ['8,000 letters', 'x'.repeat(8_000)],
    ['8,000 of four bytes', '🦆'.repeat(8_000)],
    ['quotes and backslashes', `\\"`.repeat(4_000)],
  ])('has room for a name of %s, cut to 200', async (_name, name) => {
    const { token } = await makeUser();
    const told = await toldOf(() => sql('UPDATE "Token" SET "name" = $2 WHERE "id" = $1', [token.id, name]));
    expect(told).toEqual([expect.objectContaining({ id: token.id, name: [...name].slice(0, 200).join('') })]);
  });

  it.each([
    ['infinity', 8_640_000_000_000_000],
    ['-infinity', -8_640_000_000_000_000],
    ['0044-03-15 BC', -8_640_000_000_000_000],
    ['20000-01-01', 8_640_000_000_000_000],
  ])('says the time %s as near as a Date comes to it, and the key is not accepted', async (time, expected) => {
    const { token, key } = await makeUser();
    const told = await toldOf(() => sql('UPDATE "Token" SET "expiresAt" = $2 WHERE "id" = $1', [token.id, time]));
    expect(told).toEqual([expect.objectContaining({ id: token.id, expiresAt: new Date(expected) })]);
    expect((await world.request('{ me { id } }', { key })).status).toBe(401);
  });

  it.each(['', 'null', '[]', '{"table":"Token"}', '{"table":"User","operation":"UPDATE","id":1}', 'x'.repeat(7_999)])(
    'that somebody has made up may mean anything: %s',
    async (payload) => {
      expect(await toldOf(() => sql(`SELECT pg_notify('tessera_changes', $1)`, [payload]))).toEqual([{ table: null }]);
    },
  );

  it('never throws, and is a change in whole or may be anything', () => {
    const row = fc.record(
      {
        table: fc.constantFrom('Token', 'User', 'Note'),
        operation: fc.constantFrom('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'),
        id: fc.oneof(fc.uuid(), fc.integer()),
        userId: fc.oneof(fc.uuid(), fc.constant(null)),
        name: fc.string(),
        kind: fc.constant('LOGIN'),
        createdAt: fc.oneof(
          fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
          fc.string(),
        ),
        expiresAt: fc.oneof(fc.constant(null), fc.string(), fc.integer()),
        lastUsedAt: fc.constant(null),
        supersededAt: fc.constant(null),
        isJustSuperseded: fc.boolean(),
      },
      { requiredKeys: ['table'] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          row.map((each) => JSON.stringify(each)),
          fc.json(),
          fc.string(),
        ),
        (payload) => {
          const change = readChange(payload);
          if (change.table === null || change.table === 'SigningKey') return;
          expect(change.id).toEqual(expect.any(String));
          if (change.table === 'User') return;
          const dates = [change.createdAt, change.expiresAt, change.lastUsedAt, change.supersededAt];
          for (const date of dates) expect(date?.getTime()).not.toBeNaN();
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

// On a server each session listens for itself.
describe.skipIf(inject('templateUrl') !== null)('the owner of an embedded database', () => {
  it.each([
    [['UNLISTEN *']],
    [['UNLISTEN tessera_changes']],
    [['DISCARD ALL']],
    [["DO $$ BEGIN EXECUTE 'UNLISTEN *'; END $$"]],
    [['BEGIN', 'UNLISTEN *', 'COMMIT']],
  ])('goes on hearing when another client says %j', async (statements) => {
    const { user, token, key } = await makeUser();
    expect((await world.request('{ me { id } }', { key })).status).toBe(200);
    const told = await toldOf(async () => {
      // As drivers send what they prepare: in the other way DISCARD ALL is refused here.
      for (const text of statements) await session.query({ text, queryMode: 'extended' } as pg.QueryConfig);
      await sql('UPDATE "User" SET "isActive" = false WHERE "id" = $1', [user.id]);
    });
    expect(told).toContainEqual({ table: null });
    expect((await world.request('{ me { id } }', { key })).status).toBe(401);
    expect(changes.areHeard()).toBe(true);
    const later = await toldOf(() => sql('DELETE FROM "Token" WHERE "id" = $1', [token.id]));
    expect(later).toEqual([expect.objectContaining({ table: 'Token', operation: 'DELETE', id: token.id })]);
  });

  it('goes on hearing when a function has ended the listening unseen', async () => {
    const { user, key } = await makeUser();
    await sql("CREATE FUNCTION deafen() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'UNLISTEN *'; END $$");
    expect((await world.request('{ me { id } }', { key })).status).toBe(200);
    const told = await toldOf(async () => {
      await sql('SELECT deafen()');
      await sql('UPDATE "User" SET "isActive" = false WHERE "id" = $1', [user.id]);
      await changes.settle();
    });
    expect(told).toContainEqual({ table: null });
    expect((await world.request('{ me { id } }', { key })).status).toBe(401);
    expect(changes.areHeard()).toBe(true);
  });

  it('trusts nothing that is kept while a client is about to end the listening', async () => {
    const { user, key } = await makeUser();
    expect((await world.request('{ me { id } }', { key })).status).toBe(200);
    await sql('BEGIN');
    await sql('UNLISTEN *');
    expect(changes.areHeard()).toBe(false);
    await sql('UPDATE "User" SET "isActive" = false WHERE "id" = $1', [user.id]);
    await sql('COMMIT');
    expect((await world.request('{ me { id } }', { key })).status).toBe(401);
    await changes.settle();
    expect(changes.areHeard()).toBe(true);
  });
});

import pg from 'pg';
import { expect, inject, it } from 'vitest';
import { createClient } from '../../src/database/client.ts';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { database, makeUser, request } = world;

it.each(['infinity', '-infinity', '20000-01-01', '10000-01-01', '4000-01-01 BC'])(
  'refuses a key that is said to expire at %s, which no reader can tell',
  async (expiresAt) => {
    const { key, token } = await makeUser();
    await database.$executeRaw`UPDATE "Token" SET "expiresAt" = ${expiresAt}::timestamptz WHERE "id" = ${token.id}::uuid`;
    await world.changes.settle();
    const { status, body } = await request('{ me { id } }', { key });
    expect([status, body]).toMatchObject([401, { errors: [{ message: 'Invalid token.' }] }]);
  },
);

it.skipIf(!inject('templateUrl')).each(['ISO', 'German', 'SQL, DMY', 'Postgres'])(
  'reads null as null alone, whatever style instants come in: %s',
  async (style) => {
    const pool = new pg.Pool({
      connectionString: inject('templateUrl') ?? '',
      async onConnect(client) {
        await client.query(`SET DateStyle TO ${style}`);
      },
    });
    try {
      const [row] = await createClient(pool).$read<{ at: Date; none: null }>(
        "SELECT '2029-12-17 07:37:16.123+00'::timestamptz AS at, NULL::timestamptz AS none",
        [],
      );
      const read = style === 'ISO' ? new Date('2029-12-17T07:37:16.123Z') : new Date(Number.NaN);
      expect(row).toEqual({ at: read, none: null });
    } finally {
      await pool.end();
    }
  },
);

it('reads instants of any offset, and what else a row holds', async () => {
  const [row] = await database.$read(
    `SELECT '2029-12-17 07:37:16.5+05:30'::timestamptz AS at, true AS yes, 7 AS seven, ARRAY['a b','*'] AS list,
            'c0ffee00-0000-4000-8000-000000000000'::uuid AS id`,
    [],
  );
  const id = 'c0ffee00-0000-4000-8000-000000000000';
  expect(row).toEqual({ at: new Date('2029-12-17T02:07:16.5Z'), yes: true, seven: 7, list: ['a b', '*'], id });
});

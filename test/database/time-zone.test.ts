import pg from 'pg';
import { pino } from 'pino';
import { expect, inject, it, onTestFinished } from 'vitest';
import { findViewer } from '../../src/accounts/viewers.ts';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database/open.ts';
import { databaseOfItsOwn, TOKEN_SECRET } from '../world.ts';

it.skipIf(!inject('templateUrl'))('keeps instants whatever time zone the server’s sessions are in', async () => {
  const own = await databaseOfItsOwn();
  const { DATABASE_URL = '' } = own.env;
  await query(
    DATABASE_URL,
    `ALTER DATABASE "${new URL(DATABASE_URL).pathname.slice(1)}" SET timezone = 'America/New_York'`,
  );
  const { config, secrets } = readConfig({ NODE_ENV: 'test', TOKEN_SECRETS: TOKEN_SECRET, ...own.env });
  const open = await openDatabase({ config, secrets, log: pino({ level: 'silent' }), asServer: true });
  onTestFinished(async () => {
    await open.close();
    await own.drop();
  });

  const expiresAt = new Date('2031-07-01T12:00:00.123Z');
  const from = Date.now();
  const { tokens } = await open.database.user.create({
    data: { username: 'ada', usernameKey: 'ada', tokens: { create: { name: 'api', kind: 'API', expiresAt } } },
    include: { tokens: { where: { name: 'api' } } },
  });
  const [token] = tokens;
  expect(token?.expiresAt).toEqual(expiresAt);
  // Made by the database's own clock.
  expect(Math.abs((token?.createdAt.getTime() ?? 0) - from)).toBeLessThan(60_000);
  expect((await findViewer(open.database, token?.id ?? ''))?.token.expiresAt).toEqual(expiresAt);
  const [{ epoch }] = await query(
    DATABASE_URL,
    `SELECT extract(epoch FROM "expiresAt") epoch FROM "Token" WHERE "name" = 'api'`,
  );
  expect(Number(epoch)).toBe(expiresAt.getTime() / 1000);
});

// biome-ignore lint/suspicious/noExplicitAny: rows of any statement.
async function query(connectionString: string, sql: string): Promise<any> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return (await client.query(sql).finally(() => client.end())).rows;
}

import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database/open.ts';
import { createLog } from '../../src/log.ts';
import { createEndpoint } from '../../src/serve.ts';
import { recordOutput } from '../recorder.ts';
import { databaseOfItsOwn, openWorld, PASSWORD, TOKEN_SECRET } from '../world.ts';

const world = await openWorld();

/** A server that starts on a database in which this has been done. */
async function startAfter(sql: string) {
  const own = await databaseOfItsOwn();
  const { config, secrets } = readConfig({
    NODE_ENV: 'test',
    BCRYPT_COST: '4',
    REGISTRATION: 'open',
    TOKEN_SECRETS: TOKEN_SECRET,
    ...own.env,
  });
  const warnings: { msg: string; triggers?: string[] }[] = [];
  function write(line: string): void {
    recordOutput(line);
    if (JSON.parse(line).level === 40) warnings.push(JSON.parse(line));
  }
  const log = createLog({ env: 'test', logLevel: 'info' }, { write });
  const queries: string[] = [];
  const options = { config, secrets, log, asServer: true, onQuery: (query: string) => queries.push(query) };
  const before = await openDatabase(options);
  await before.database.$executeRawUnsafe(sql);
  await before.close();
  const open = await openDatabase(options);
  onTestFinished(async () => {
    await open.close();
    await own.drop();
  });
  return { ...open, endpoint: createEndpoint(config, secrets, open, log), queries, warnings };
}

it.each([
  ['is missing', 'tessera_tell_of_token', 'DROP TRIGGER tessera_tell_of_token ON "Token"'],
  ['fires for some sessions only', 'tessera_tell_of_user', 'ALTER TABLE "User" ENABLE TRIGGER tessera_tell_of_user'],
])('a server trusts nothing that it keeps where a trigger %s, and says so', async (_how, trigger, sql) => {
  const { database, changes, endpoint, queries, warnings } = await startAfter(sql);
  const register = `mutation { createUser(input: { username: "ada", password: "${PASSWORD}" }) { ... on CreatedUser { key } } }`;
  const { key } = (await world.request(register, {}, endpoint)).body.data.createUser;
  const ask = () => world.request('{ me { username } }', { key }, endpoint);
  for (let use = 0; use < 2; use++) {
    await changes.settle();
    queries.length = 0;
    expect((await ask()).status).toBe(200);
    expect(queries).toHaveLength(1);
  }
  expect(changes.areHeard()).toBe(false);
  expect(warnings).toMatchObject([
    {
      msg: 'changes are not told by all triggers: every request looks its key up; `npx tessera check` says how to mend it',
      triggers: [trigger],
    },
  ]);
  await database.token.deleteMany();
  expect((await ask()).status).toBe(401);
});

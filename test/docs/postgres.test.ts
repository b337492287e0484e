import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, tessera } from '../program.ts';
import { describeWith } from '../tools.ts';
import { PASSWORD, TOKEN_SECRET } from '../world.ts';
import { markedBlocks, ROOT, readPage, runPrinted } from './printed.ts';

const GUIDE = 'docs/guides/deployment.md';
const isServer = Boolean(process.env.TEST_DATABASE_URL);
const adminUrl = process.env.TEST_DATABASE_URL ?? 'postgresql://nowhere';

async function me(url: string, key: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Token ${key}` },
    body: JSON.stringify({ query: '{ me { username } }' }),
  });
  return [response.status, await response.json()];
}

const ada = [200, { data: { me: { username: 'ada' } } }];
const refused = [401, { errors: [{ message: 'Invalid token.', extensions: { code: 'AUTHENTICATION_FAILED' } }] }];

describeWith(isServer ? ['psql', 'createdb', 'pg_dump', 'pg_restore'] : [], 'PostgreSQL as the guide has it', () => {
  // Roles belong to the whole cluster: these are the guide's under a name that nobody else has.
  const name = `guide_${randomBytes(6).toString('hex')}`;
  const ofOurs = (text: string) => text.replaceAll(/\btessera(?=_owner|_restored| |;|"|'|$)/gm, name);
  const folder = join(tmpdir(), name);
  beforeAll(() => {
    mkdirSync(folder);
  });
  const urlOf = (role: string, database: string) => {
    const url = new URL(adminUrl);
    Object.assign(url, { username: role, password: 'p', pathname: `/${database}` });
    return url.href;
  };
  const urls = {
    ADMIN_URL: adminUrl,
    OWNER_URL: urlOf(`${name}_owner`, name),
    RESTORED_URL: urlOf(`${name}_owner`, `${name}_restored`),
  };
  const env = {
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://tessera.test',
    BCRYPT_COST: '10',
    TOKEN_SECRETS: TOKEN_SECRET,
    DATA_DIR: join(folder, 'data'),
  };
  const asServer = { ...env, DATABASE_URL: urlOf(name, name) };
  const onRestored = { ...env, DATABASE_URL: urlOf(name, `${name}_restored`) };

  async function asAdmin(sql: string): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: adminUrl });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** The guide's block, as printed but for the names. */
  function run(mark: string): Promise<string> {
    const rolesFile = join(folder, 'roles.sql');
    writeFileSync(rolesFile, ofOurs(readPage('docs/guides/deployment/roles.sql')));
    const commands = markedBlocks(GUIDE, mark).map(({ text }) =>
      ofOurs(text)
        .replace('docs/guides/deployment/roles.sql', rolesFile)
        .replaceAll(`npx ${name}`, 'npx tessera')
        .replaceAll(/\btessera\.dump\b/g, join(folder, 'tessera.dump')),
    );
    expect(commands).toHaveLength(1);
    return runPrinted(commands, { ...env, ...urls }, ROOT);
  }

  afterAll(async () => {
    for (const database of [name, `${name}_restored`])
      await asAdmin(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    for (const role of [name, `${name}_owner`]) await asAdmin(`DROP ROLE IF EXISTS ${role}`);
    rmSync(folder, { recursive: true });
  });

  it.runIf(isServer)(
    'serves with a role that can change no table, and is restored from its backup',
    async () => {
      await run('roles');
      await asAdmin(`ALTER ROLE ${name} PASSWORD 'p'; ALTER ROLE ${name}_owner PASSWORD 'p'`);
      await expect(startServer(asServer)).rejects.toThrow(
        'The role in DATABASE_URL may not do what it must (permission denied for schema public). Run `npx tessera migrate` as',
      );
      expect((await tessera(['check'], asServer)).stdout).toMatch(
        /^wrong +migrations .* This role may not apply them: run `npx tessera migrate` as the one that may\.$/m,
      );
      expect(await run('migrate')).toMatch(/^Applied \S+_init\.\n/);

      const server = await startServer(asServer);
      await tessera(['user', 'create', 'ada', '--password-stdin'], asServer, PASSWORD);
      const key = /tsr_\S+/.exec((await tessera(['token', 'create', 'ada'], asServer)).stdout)?.[0] ?? '';
      expect(await me(server.url, key)).toEqual(ada);
      const login = JSON.stringify({
        query: `mutation { obtainAuthToken(input: { username: "ada", password: "${PASSWORD}" }) { ... on IssuedToken { key } } }`,
      });
      const headers = { 'content-type': 'application/json' };
      const loggedIn = await fetch(server.url, { method: 'POST', headers, body: login });
      expect(await loggedIn.json()).toEqual({ data: { obtainAuthToken: { key } } });

      const client = new pg.Client({ connectionString: asServer.DATABASE_URL });
      await client.connect();
      const tried = ['CREATE TABLE x ()', 'DROP TABLE "Token"', 'TRUNCATE "Token"', 'DELETE FROM _prisma_migrations'];
      for (const sql of tried) await expect(client.query(sql), sql).rejects.toMatchObject({ code: '42501' });
      await client.end();

      await run('backup');
      await run('restore');
      const restored = await startServer(onRestored);
      expect(await me(restored.url, key)).toEqual(ada);

      const otherSecrets = { ...onRestored, TOKEN_SECRETS: 'o'.repeat(32) };
      await expect(startServer(otherSecrets)).rejects.toThrow('is not what this database’s keys were derived from');
      await run('forget');
      const withoutOld = await startServer(otherSecrets);
      expect(await me(withoutOld.url, key)).toEqual(refused);

      for (const { child, finished } of [server, restored, withoutOld]) {
        child.kill('SIGTERM');
        await finished;
      }
    },
    120_000,
  );
});

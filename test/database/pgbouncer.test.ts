import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/database/open.ts';
import { createLog } from '../../src/log.ts';
import { createEndpoint } from '../../src/serve.ts';
import { startServer, tessera } from '../program.ts';
import { recordOutput } from '../recorder.ts';
import { describeWith } from '../tools.ts';
import { openWorld, PASSWORD } from '../world.ts';
import { startPgBouncer } from './pgbouncer.ts';

const templateUrl = inject('templateUrl');
const opened = templateUrl === null ? null : await openWorld();
const ME = '{ me { username } }';
const REGISTER = `mutation Register($username: String!) {
  createUser(input: { username: $username, password: "${PASSWORD}" }) { ... on CreatedUser { key } ... on Error { message } }
}`;
const REVOKE = 'mutation Revoke($id: ID!) { revokeToken(id: $id) { __typename } }';

async function until(isSo: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !isSo(); await sleep(5)) {
    if (performance.now() > deadline) throw new Error('waited in vain');
  }
}

describeWith(templateUrl === null ? [] : ['pgbouncer'], 'behind PgBouncer in transaction mode', () => {
  if (templateUrl === null || opened === null) {
    it.skip('an embedded database has no pooler');
    return;
  }
  const world = opened;
  let pgbouncer: Awaited<ReturnType<typeof startPgBouncer>>;
  beforeAll(async () => {
    pgbouncer = await startPgBouncer(templateUrl);
    return pgbouncer.stop;
  });

  async function openNode(env: Record<string, string> = {}) {
    const direct = world.config.databaseUrl ?? '';
    const { config, secrets } = readConfig({ ...world.env, DATABASE_URL: pgbouncer.urlOf(direct), ...env });
    const lines: { msg: string; reason?: string }[] = [];
    const write = (line: string) => {
      lines.push(JSON.parse(line));
      recordOutput(line);
    };
    const queries: string[] = [];
    const open = await openDatabase({
      config,
      secrets,
      log: createLog({ env: 'test', logLevel: 'warn' }, { write }),
      asServer: true,
      onQuery: (sql) => queries.push(sql),
    });
    onTestFinished(open.close);
    const endpoint = createEndpoint(config, secrets, open, createLog({ env: 'test', logLevel: 'warn' }, { write }));
    async function costOf(key: string): Promise<{ status: number; queries: number }> {
      const before = queries.length;
      const { status } = await world.request(ME, { key }, endpoint);
      return { status, queries: queries.length - before };
    }
    return { ...open, lines, endpoint, costOf };
  }

  it('every request looks its key up, revocation is felt, and the log says what to set', async () => {
    const node = await openNode();
    const { key, token } = await world.makeUser();
    for (let use = 0; use < 3; use++) expect(await node.costOf(key)).toEqual({ status: 200, queries: 1 });
    await until(() => node.lines.length > 0);
    expect(node.lines).toEqual([
      expect.objectContaining({
        msg: 'changes are not heard: every request looks its key up',
        reason:
          'notices do not come through DATABASE_URL; where it goes through a pooler, set DIRECT_DATABASE_URL to the server itself',
      }),
    ]);
    expect(node.changes.areHeard()).toBe(false);
    expect(await node.costOf(key)).toEqual({ status: 200, queries: 1 });
    await world.database.token.delete({ where: { id: token.id } });
    expect((await node.costOf(key)).status).toBe(401);
  });

  it('limits statements where the session is its own, and leaves a session of the pooler’s as it is', async () => {
    const direct = world.config.databaseUrl ?? '';
    const pooled = await openNode();
    const own = await openNode({ DATABASE_URL: direct, DATABASE_STATEMENT_TIMEOUT: '7s' });
    const limitsOf = ({ database }: typeof own) =>
      database.$queryRaw`SELECT current_setting('statement_timeout') AS "statement",
        current_setting('idle_in_transaction_session_timeout') AS "idle"`;
    expect(await limitsOf(pooled)).toEqual([{ statement: '0', idle: '0' }]);
    expect(await limitsOf(own)).toEqual([{ statement: '7s', idle: '7s' }]);
  });

  it('`tessera check` says so, and that changes are heard with DIRECT_DATABASE_URL', async () => {
    const direct = world.config.databaseUrl ?? '';
    const env = { ...world.env, DATABASE_URL: pgbouncer.urlOf(direct) };
    async function found(added: Record<string, string>) {
      const { code, stdout } = await tessera(['check', '--json'], { ...env, ...added });
      return [code, JSON.parse(stdout).findings.filter(({ subject }: { subject: string }) => subject === 'changes')];
    }
    const message =
      'They are not heard, so every request looks its key up: notices do not come through DATABASE_URL; where it goes ' +
      'through a pooler, set DIRECT_DATABASE_URL to the server itself.';
    const remedy = 'See "Poolers" in docs/guides/deployment.md.';
    expect(await found({})).toEqual([0, [{ level: 'warning', subject: 'changes', message, remedy }]]);
    const heard = 'They are heard, so servers remember whom keys belong to.';
    expect(await found({ DIRECT_DATABASE_URL: direct })).toEqual([
      0,
      [{ level: 'ok', subject: 'changes', message: heard, remedy: null }],
    ]);
  });

  it('with DIRECT_DATABASE_URL keys are remembered, and what is changed through the pooler is heard', async () => {
    const node = await openNode({ DIRECT_DATABASE_URL: world.config.databaseUrl ?? '' });
    await until(node.changes.areHeard);
    const { key, token } = await world.makeUser();
    await node.changes.settle();
    expect(await node.costOf(key)).toEqual({ status: 200, queries: 1 });
    expect(await node.costOf(key)).toEqual({ status: 200, queries: 0 });
    const variables = { id: Buffer.from(`Token:${token.id}`).toString('base64') };
    const { body } = await world.request(REVOKE, { key, variables }, node.endpoint);
    expect(body).toEqual({ data: { revokeToken: { __typename: 'RevokedToken' } } });
    expect((await node.costOf(key)).status).toBe(401);
    expect(node.lines).toEqual([]);
  });

  it.each([
    ['alone', false],
    ['and DIRECT_DATABASE_URL', true],
  ])('a server starts on an empty database by DATABASE_URL %s, and serves many at once', async (_name, hasDirect) => {
    const direct = new URL(templateUrl);
    direct.pathname = '/postgres';
    const admin = new pg.Client({ connectionString: direct.href });
    await admin.connect();
    const name = `tessera_${randomBytes(6).toString('hex')}`;
    await admin.query(`CREATE DATABASE ${name}`);
    direct.pathname = `/${name}`;
    onTestFinished(async () => {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    });
    const env = {
      ...world.env,
      REGISTRATION: 'open',
      DATABASE_URL: pgbouncer.urlOf(direct.href),
      ...(hasDirect ? { DIRECT_DATABASE_URL: direct.href } : {}),
    };
    const { url } = await startServer(env);
    const ask = async (query: string, variables: Record<string, unknown>, key?: string) => {
      const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Token ${key}` } : {}) };
      return (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })).json();
    };
    const names = Array.from({ length: 20 }, (_, n) => `user${n}`);
    const seen = await Promise.all(
      names.map(async (username) => {
        const made = await ask(REGISTER, { username });
        return ask(ME, {}, made.data.createUser.key);
      }),
    );
    expect(seen).toEqual(names.map((username) => ({ data: { me: { username } } })));
    expect(await tessera(['user', 'show', 'user7'], env)).toMatchObject({ code: 0, stderr: '' });
  });
});

import { EventEmitter, once } from 'node:events';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { listen } from '../../src/http/server.ts';
import { startServer, tessera } from '../program.ts';
import { describeWith } from '../tools.ts';
import { databaseOfItsOwn, PASSWORD } from '../world.ts';
import { type Reply, startNginx } from './nginx.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const LOGIN = `mutation { obtainAuthToken(input: { username: "ada", password: "${PASSWORD}" }) { ... on IssuedToken { key } } }`;
const me = JSON.stringify({ query: '{ me { username } }' });
const ada = { data: { me: { username: 'ada' } } };

const own = await databaseOfItsOwn();
afterAll(own.drop);
const env = {
  ...own.env,
  NODE_ENV: 'production',
  BCRYPT_COST: '10',
  PUBLIC_URL: 'https://tessera.test',
  TOKEN_SECRETS: 't'.repeat(32),
};

// What belongs to a connection and not to the answer, and what differs from one answer to the next.
const OF_THE_CONNECTION = [
  ...['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date', 'x-request-id'],
  // What nginx answers in the servers' place, they have not counted.
  ...['ratelimit', 'ratelimit-policy'],
];

function answerOf(status: number, headers: Iterable<[string, unknown]>, body: string) {
  const kept = [...headers].filter(([name]) => !OF_THE_CONNECTION.includes(name));
  return { status, headers: Object.fromEntries(kept.sort()), body };
}

// nginx says it in the servers' place, so that it stands on its own answers, too, and once on each.
const HSTS = 'max-age=31536000';

function through({ status, headers, body }: Reply) {
  const { server, 'strict-transport-security': hsts, ...rest } = headers;
  expect({ server, hsts }).toEqual({ server: 'nginx', hsts: HSTS });
  return answerOf(status, Object.entries(rest), body);
}

async function directly(url: string, headers: Record<string, string>, body: string) {
  const response = await fetch(url, { method: 'POST', headers, body });
  const { 'strict-transport-security': hsts, ...rest } = Object.fromEntries(response.headers);
  expect(hsts).toBe(HSTS);
  return answerOf(response.status, Object.entries(rest), await response.text());
}

describeWith(['nginx', 'openssl'], 'nginx as the guide has it', () => {
  it('passes on what is asked and answered, and changes nothing of it', async () => {
    await tessera(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);
    const server = await startServer(env);
    const { ask, httpOrigin, stop } = await startNginx([server.origin]);

    const login = await ask('/graphql', { headers: JSON_TYPE, body: JSON.stringify({ query: LOGIN }) });
    const { key } = JSON.parse(login.body).data.obtainAuthToken;
    for (const credentials of [{ authorization: `Token ${key}` }, { authorization: `Bearer ${key}` }, { token: key }]) {
      const reply = await ask('/graphql', { headers: { ...JSON_TYPE, ...credentials }, body: me });
      expect(JSON.parse(reply.body)).toEqual(ada);
    }

    const asked: [Record<string, string>, string][] = [
      [JSON_TYPE, me],
      [{ ...JSON_TYPE, authorization: `Bearer ${key}x` }, me],
      [JSON_TYPE, me.padEnd(1_000_000)],
      [JSON_TYPE, '{'],
      [JSON_TYPE, ' '.repeat(1_000_001)],
      [{ ...JSON_TYPE, 'transfer-encoding': 'chunked' }, ' '.repeat(1_000_001)],
    ];
    const proxied = await Promise.all(
      asked.map(async ([headers, body]) => through(await ask('/graphql', { headers, body }))),
    );
    const direct = await Promise.all(
      asked.map(([{ 'transfer-encoding': _, ...headers }, body]) => directly(server.url, headers, body)),
    );
    expect(proxied).toEqual(direct);
    expect(proxied.map(({ status }) => status)).toEqual([401, 401, 401, 400, 413, 413]);
    expect(proxied.map(({ headers }) => headers['www-authenticate'])).toEqual([
      'Token',
      'Bearer error="invalid_token", error_description="Invalid token."',
      'Token',
      ...[undefined, undefined, undefined],
    ]);

    expect((await ask('/health/ready', { method: 'GET' })).status).toBe(404);
    const inTheClear = await fetch(`${httpOrigin}/graphql?query=${encodeURIComponent(LOGIN)}`, {
      headers: { host: 'auth.example.org' },
      redirect: 'manual',
    });
    expect([inTheClear.status, inTheClear.headers.get('location')]).toEqual([
      301,
      expect.stringMatching(/^https:\/\/[^/]+\/graphql\?query=mutation/),
    ]);

    const log = await stop();
    expect(log).toContain('"path":"/graphql","status":401');
    expect(log).not.toContain(key);
    expect(log).not.toMatch(/mutation|password/);
  });

  it('passes events on as they come', async () => {
    await tessera(['user', 'create', 'hedy', '--password-stdin'], env, PASSWORD);
    const server = await startServer(env);
    const { ask } = await startNginx([server.origin]);
    const logIn = (name: string) =>
      LOGIN.replace('"ada"', '"hedy"').replace(`"${PASSWORD}"`, `"${PASSWORD}", name: "${name}"`);
    async function post(query: string, key?: string) {
      const headers = { ...JSON_TYPE, ...(key && { authorization: `Token ${key}` }) };
      return (await fetch(server.url, { method: 'POST', headers, body: JSON.stringify({ query }) })).json();
    }
    const { key } = (await post(logIn('web'))).data.obtainAuthToken;
    const come = new EventEmitter();
    const isBegun = once(come, ':');
    const isHeard = once(come, 'phone');
    const reply = ask('/graphql', {
      headers: { ...JSON_TYPE, accept: 'text/event-stream', authorization: `Token ${key}` },
      body: JSON.stringify({ query: 'subscription { tokenEvents { kind name } }' }),
      onPart: (part) => come.emit(part.includes('phone') ? 'phone' : ':'),
    });
    await isBegun;
    await post(logIn('phone'));
    // Before the stream is over: nothing waits in the proxy.
    await isHeard;
    await post('mutation { revokeCurrentToken { __typename } }', key);
    const { status, headers, body } = await reply;
    expect([status, headers['content-type']]).toEqual([200, 'text/event-stream']);
    expect(body).toContain('{"kind":"CREATED","name":"phone"}');
    expect(body).toMatch(/"message":"Invalid token\.".*\n\nevent: complete\n/);
  });

  it('asks another node when one is just starting, and says so when there is none', async () => {
    const starting = await listen({ host: '127.0.0.1', port: 0, drainMs: 100 });
    onTestFinished(() => starting.close());
    const server = await startServer(env);
    const both = await startNginx([starting.url, server.origin]);
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => both.ask('/graphql', { headers: JSON_TYPE, body: me })),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array(8).fill(401));

    const alone = await startNginx([starting.url]);
    const reply = await alone.ask('/graphql', { headers: JSON_TYPE, body: me });
    expect([reply.status, reply.headers['retry-after'], reply.body]).toEqual([503, '1', '{"status":"starting"}\n']);
  });

  it.runIf(process.env.TEST_DATABASE_URL)(
    'loses no request while two nodes are restarted one by one',
    async () => {
      await tessera(['user', 'create', 'grace', '--password-stdin'], env, PASSWORD);
      const key = /tsr_\S+/.exec((await tessera(['token', 'create', 'grace'], env)).stdout)?.[0];
      const nodes = [await startServer(env), await startServer(env)];
      const { ask, reload } = await startNginx(nodes.map(({ origin }) => origin));
      const answers: number[] = [];
      let isOver = false;
      async function caller(): Promise<void> {
        while (!isOver) {
          const { status } = await ask('/graphql', {
            headers: { ...JSON_TYPE, authorization: `Token ${key}` },
            body: me,
          });
          answers.push(status);
        }
      }
      const callers = [caller(), caller(), caller(), caller()];
      for (const { child, finished, origin } of nodes) {
        await reload(origin);
        child.kill('SIGTERM');
        expect((await finished).code).toBe(0);
        await startServer({ ...env, PORT: new URL(origin).port });
        await reload();
      }
      isOver = true;
      await Promise.all(callers);
      expect(new Set(answers)).toEqual(new Set([200]));
    },
    90_000,
  );
});

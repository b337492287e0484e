import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { serve } from '../../src/serve.ts';
import { startServer } from '../program.ts';
import { recordOutput, recordSecrets } from '../recorder.ts';
import { databaseOfItsOwn, PASSWORD, TOKEN_SECRET } from '../world.ts';
import { type Collected, startCollector } from './collector.ts';
import { hear } from './hear.ts';

const own = await databaseOfItsOwn();
afterAll(own.drop);

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const NEVER = '3600000';
const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;

/** A server on this file's database, until the test ends, which sends what it traces when it is closed. */
async function start(env: Record<string, string>) {
  const { config, secrets } = readConfig({
    NODE_ENV: 'test',
    BCRYPT_COST: '4',
    REGISTRATION: 'open',
    TOKEN_SECRETS: TOKEN_SECRET,
    PORT: '0',
    SHUTDOWN_GRACE: 'none',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: NEVER,
    ...own.env,
    ...env,
  });
  const lines: string[] = [];
  const write = (line: string) => {
    lines.push(line);
    recordOutput(line);
  };
  const server = await serve(config, secrets, createLog({ env: 'test', logLevel: 'info' }, { write }));
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= server.close();
    return closed;
  };
  onTestFinished(close);
  const { origin } = new URL(server.url);

  async function ask(query: string, headers: Record<string, string> = {}, variables = {}) {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    const body = await response.json();
    recordSecrets(query);
    recordSecrets(variables);
    recordSecrets(body);
    return { status: response.status, body };
  }

  let made = 0;
  async function register() {
    const username = `${randomBytes(4).toString('hex')}-${++made}`;
    const { body } = await ask(
      `mutation Register { createUser(input: { username: "${username}", password: "${PASSWORD}" }) { ... on CreatedUser { key } } }`,
    );
    return { username, key: body.data.createUser.key as string };
  }

  const logged = () => lines.map((line) => JSON.parse(line));
  return {
    ...server,
    origin,
    close,
    ask,
    register,
    logged,
    requests: () => logged().filter((l) => l.msg === 'request'),
  };
}

/** The names of spans, each beneath what it is part of. */
function treeOf(spans: readonly Collected[], parent: string | undefined = undefined): unknown[] {
  const children = spans.filter(({ parentSpanId }) => (parentSpanId || undefined) === parent);
  return children.map(({ name, spanId }) => {
    const beneath = treeOf(spans, spanId);
    return beneath.length === 0 ? name : [name, beneath];
  });
}

const named = (spans: readonly Collected[], name: string) => spans.filter((span) => span.name === name);

const logInAs = (username: string) =>
  `mutation LogIn { obtainAuthToken(input: { username: "${username}", password: "${PASSWORD}" }) { __typename } }`;

describe('a trace', () => {
  it('is a request with its steps beneath it, and says of each what is no secret', async () => {
    const collector = await startCollector();
    const { ask, register, close } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const { username } = await register();
    await ask(logInAs(username), { 'x-request-id': 'log-in' });
    await close();
    const spans = collector.spans();
    const root = spans.find(({ attributes }) => attributes['tessera.request.id'] === 'log-in');
    expect(root).toMatchObject({ name: 'POST /graphql', kind: SERVER, status: { code: 0 } });
    expect(root?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/graphql',
      'url.path': '/graphql',
      'url.scheme': 'http',
      'http.response.status_code': 200,
      'graphql.operation.type': 'mutation',
      'graphql.operation.name': 'LogIn',
      'tessera.outcome': 'ok',
      'tessera.request.id': 'log-in',
    });
    const trace = spans.filter(({ traceId }) => traceId === root?.traceId);
    expect(treeOf(trace)).toEqual([
      [
        'POST /graphql',
        [
          'graphql.parse',
          'graphql.validate',
          'authenticate',
          ['graphql.execute', expect.arrayContaining([['password', ['bcrypt']], 'SELECT User'])],
        ],
      ],
    ]);
    expect(named(trace, 'SELECT User')[0]).toMatchObject({
      kind: CLIENT,
      attributes: { 'db.system.name': 'postgresql', 'db.operation.name': 'SELECT', 'db.collection.name': 'User' },
    });
    for (const span of trace) {
      const parent = trace.find(({ spanId }) => spanId === span.parentSpanId);
      expect(span.endNanos).toBeGreaterThanOrEqual(span.startNanos);
      if (parent) expect(span.startNanos).toBeGreaterThanOrEqual(parent.startNanos);
      if (parent) expect(span.endNanos).toBeLessThanOrEqual(parent.endNanos);
    }
  });

  it('shows what is remembered by what is no step of it', async () => {
    const collector = await startCollector();
    const { ask, register, close } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const authorization = `Token ${(await register()).key}`;
    for (const id of ['first', 'second']) await ask('{ me { id } }', { authorization, 'x-request-id': id });
    await close();
    const spans = collector.spans();
    const treeFor = (id: string) => {
      const root = spans.find(({ attributes }) => attributes['tessera.request.id'] === id);
      return treeOf(spans.filter(({ traceId }) => traceId === root?.traceId));
    };
    const rest = ['authenticate', 'graphql.execute'];
    expect(treeFor('second')).toEqual([['POST /graphql', rest]]);
    expect(treeFor('first')).toEqual([
      ['POST /graphql', ['graphql.parse', 'graphql.validate', ['authenticate', ['SELECT Token']], 'graphql.execute']],
    ]);
  });

  it('goes on that of the caller, and is in the log', async () => {
    const collector = await startCollector();
    const { ask, requests, close } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    await ask('{ __typename }', { traceparent: `00-${TRACE}-${CALLER}-01`, tracestate: 'vendor=opaque' });
    await ask('{ __typename }', { traceparent: `00-${TRACE}-${'0'.repeat(16)}-01` });
    await close();
    const [known, unknown] = named(collector.spans(), 'POST /graphql');
    expect(known).toMatchObject({ traceId: TRACE, parentSpanId: CALLER, traceState: 'vendor=opaque' });
    expect(unknown?.traceId).not.toBe(TRACE);
    expect(unknown?.parentSpanId).toBeFalsy();
    expect(requests().map(({ traceId }) => traceId)).toEqual([TRACE, unknown?.traceId]);
  });

  it('is an error where the server is at fault, and only there', async () => {
    const collector = await startCollector();
    const { ask, close } = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      BCRYPT_COST: '12',
      PASSWORDS_AT_ONCE: '1',
      PASSWORDS_WAITING: '0',
    });
    await ask('{ me { id } }');
    await ask('{ no such document');
    const answers = await Promise.all(Array.from({ length: 6 }, (_each, n) => ask(logInAs(`nobody${n}`))));
    await close();
    const roots = named(collector.spans(), 'POST /graphql');
    const seen = roots.map(({ attributes, status }) => ({
      status: attributes['http.response.status_code'],
      outcome: attributes['tessera.outcome'],
      type: attributes['error.type'],
      code: status.code,
    }));
    expect(seen).toContainEqual({ status: 401, outcome: 'UNAUTHENTICATED', type: undefined, code: 0 });
    expect(seen).toContainEqual({ status: 503, outcome: 'OVERLOADED', type: '503', code: ERROR });
    expect(answers.some(({ status }) => status === 503)).toBe(true);
    expect(seen.filter(({ code }) => code === ERROR).every(({ status }) => Number(status) >= 500)).toBe(true);
  });

  it('holds no key, password, variable, document, header or name, whatever callers send', async () => {
    const collector = await startCollector();
    const { url, origin, ask, register, close } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const { username, key } = await register();
    const authorization = `Token ${key}`;
    const chosen = `evil${randomBytes(6).toString('hex')}`;
    const evil = { 'user-agent': chosen, cookie: `a=${chosen}`, baggage: `a=${chosen}`, 'x-forwarded-for': chosen };
    await ask(
      `query Named($first: Int, $after: String) { ${chosen}: me { tokens(first: $first, after: $after) { edges { node { name } } } } }`,
      { authorization, ...evil },
      { first: 1, after: chosen, [chosen]: chosen },
    );
    await ask(`query ${key.replaceAll('-', '_')} { __typename }`, { 'x-request-id': key });
    await ask(`{ me { ${chosen} } }`, evil);
    await ask(`mutation { obtainAuthToken(input: { username: "${username}", password: "${chosen}" }) { __typename } }`);
    await fetch(`${url}?query={__typename}&operationName=${chosen}&key=${key}`, { headers: evil });
    await fetch(`${origin}/${chosen}`);
    await fetch(`${origin}/oauth/introspect`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams({ token: key }),
    });
    await close();
    const sent = collector.payloads.map(({ body }) => body.toString()).join();
    expect(named(collector.spans(), 'POST /graphql').length).toBe(5);
    const secrets = [key, key.slice(4), key.replaceAll('-', '_'), PASSWORD, username, chosen, TOKEN_SECRET, '$2b$'];
    for (const secret of secrets) expect(sent).not.toContain(secret);
  });

  it('is made of what Tessera does, and not of who asks for what is not there, or how it is', async () => {
    const collector = await startCollector();
    const { url, origin, close } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    for (const path of ['/elsewhere', '/health/ready', '/graphql/deeper', '/metrics']) await fetch(origin + path);
    await fetch(`${origin}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ token: 'none' }) });
    await fetch(`${url}?query={__typename}`);
    await fetch(url, { method: 'PROPFIND' });
    await close();
    const roots = collector.spans().filter(({ kind }) => kind === SERVER);
    expect(roots.map(({ name }) => name)).toEqual(['POST /oauth/revoke', 'GET /graphql', 'HTTP /graphql']);
    expect(roots[2]?.attributes['http.request.method']).toBe('_OTHER');
  });

  it('ends where a stream begins', async () => {
    const collector = await startCollector();
    const { url, ask, register, close } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const { key } = await register();
    const heard = await hear(url, key);
    const make = 'mutation { createToken(input: { name: "other" }) { __typename } }';
    await ask(make, { authorization: `Token ${key}` });
    await expect.poll(() => heard.results.length).toBe(1);
    heard.leave();
    await close();
    const root = collector.spans().find(({ attributes }) => attributes['graphql.operation.type'] === 'subscription');
    expect(root?.attributes).toMatchObject({ 'tessera.outcome': 'ok', 'http.response.status_code': 200 });
    const trace = collector.spans().filter(({ traceId }) => traceId === root?.traceId);
    expect(trace.filter(({ endNanos }) => endNanos > (root?.endNanos ?? 0n))).toEqual([]);
  });
});

describe('traces', () => {
  it('are of the part that is asked for, and what is not traced has an id all the same', async () => {
    const collector = await startCollector();
    const { ask, requests, close } = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    });
    await ask('{ __typename }');
    await ask('{ __typename }', { traceparent: `00-${TRACE}-${CALLER}-01` });
    await close();
    expect(collector.payloads).toEqual([]);
    expect(requests().map(({ traceId }) => traceId)).toEqual([expect.stringMatching(/^[\da-f]{32}$/), TRACE]);
  });

  it.each([
    ['parentbased_always_on', '00', 0],
    ['parentbased_always_off', '01', 1],
    ['always_on', '00', 1],
    ['always_off', '01', 0],
  ])('heed what the caller has decided as %s says', async (OTEL_TRACES_SAMPLER, flags, count) => {
    const collector = await startCollector();
    const { ask, close } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER });
    await ask('{ __typename }', { traceparent: `00-${TRACE}-${CALLER}-${flags}` });
    await close();
    expect(named(collector.spans(), 'POST /graphql').length).toBe(count);
  });

  it('are sent to the path of the specification with what the collector asks for, and say who sends them', async () => {
    const collector = await startCollector();
    const { ask, close, logged } = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/base/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=a%20secret%2Ckey,authorization=Basic dTpw==',
      OTEL_SERVICE_NAME: 'auth',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging,service.name=other',
    });
    await ask('{ __typename }');
    await close();
    expect(collector.payloads[0]).toMatchObject({
      path: '/base/v1/traces',
      headers: {
        'content-type': 'application/json',
        'x-api-key': 'a secret,key',
        authorization: 'Basic dTpw==',
      },
    });
    expect(collector.resource()).toMatchObject({
      'service.name': 'auth',
      'service.version': '0.1.0',
      'service.instance.id': expect.stringMatching(/^[\da-f-]{36}$/),
      'deployment.environment.name': 'staging',
      'telemetry.sdk.language': 'nodejs',
    });
    expect(JSON.stringify(logged())).not.toMatch(/secret,key|dTpw/);
  });

  it('go out as protobuf unless something else is said', async () => {
    const collector = await startCollector();
    const { ask, close } = await start({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/here`,
      OTEL_EXPORTER_OTLP_PROTOCOL: '',
    });
    await ask('{ __typename }', { traceparent: `00-${TRACE}-${CALLER}-01` });
    await close();
    const [payload] = collector.payloads;
    expect(payload).toMatchObject({ path: '/here', headers: { 'content-type': 'application/x-protobuf' } });
    expect(payload?.body.includes(Buffer.from(TRACE, 'hex'))).toBe(true);
    expect(payload?.body.includes('POST /graphql')).toBe(true);
  });

  it('are sent while the server runs', async () => {
    const collector = await startCollector();
    const { ask } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '20' });
    await ask('{ __typename }');
    await expect.poll(() => named(collector.spans(), 'POST /graphql').length).toBe(1);
  });

  it('are lost where the collector refuses them: the log says so once, and that they are taken again', async () => {
    const collector = await startCollector(400);
    const { ask, logged } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '5' });
    for (let batch = 1; batch <= 3; batch++) {
      expect((await ask('{ __typename }')).status).toBe(200);
      await expect.poll(() => collector.payloads.length).toBeGreaterThanOrEqual(batch);
    }
    const told = () => logged().filter(({ msg }) => /collector/.test(msg));
    await expect.poll(told).toEqual([
      expect.objectContaining({
        level: 40,
        reason: 'Bad Request',
        msg: 'the collector does not take traces: those of the meantime are lost',
      }),
    ]);
    collector.answer(200);
    await ask('{ __typename }');
    await expect
      .poll(() => told().map(({ level, msg }) => [level, msg])[1])
      .toEqual([30, 'the collector takes traces again']);
  });

  it('cost no request anything where there is no collector, and the log says so once', async () => {
    const collector = await startCollector();
    await collector.close();
    const { ask, logged, close } = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_TIMEOUT: '10',
      OTEL_BSP_SCHEDULE_DELAY: '5',
    });
    const told = () => logged().filter(({ msg }) => /collector/.test(msg));
    expect((await ask('{ __typename }')).status).toBe(200);
    await expect.poll(() => told().length).toBe(1);
    for (let n = 0; n < 20; n++) expect((await ask('{ __typename }')).status).toBe(200);
    await close();
    expect(told()).toEqual([expect.objectContaining({ level: 40, reason: expect.stringContaining('ECONNREFUSED') })]);
  });

  it('do not keep the server from stopping where the collector is silent', async () => {
    const collector = await startCollector(null);
    const { ask, logged, close } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    await ask('{ __typename }');
    await close();
    expect(collector.payloads.length).toBe(1);
    expect(logged()).toContainEqual(expect.objectContaining({ level: 40, reason: 'it does not answer' }));
  });
});

describe('without a collector', () => {
  // The file that all of it was put into with src/open-telemetry.ts; of its API a part is in what counts.
  const NOTED = `data:text/javascript,${encodeURIComponent(`
    import { writeSync } from 'node:fs';
    export async function resolve(specifier, context, next) {
      if (/open-?telemetry/.test(specifier)) writeSync(2, 'loaded ' + specifier + '\\n');
      return next(specifier, context);
    }`)}`;
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(
    `import { register } from 'node:module'; register(${JSON.stringify(NOTED)});`,
  )}`;
  const env = { NODE_ENV: 'test', TOKEN_SECRETS: TOKEN_SECRET, ...own.env, NODE_OPTIONS };

  /** What a server of the compiled program has loaded, and logged of its one request. */
  async function run(more: Record<string, string>) {
    const { url, child, finished } = await startServer({ ...env, ...more });
    await fetch(`${url}?query={__typename}`);
    child.kill('SIGTERM');
    const { code, stdout, stderr } = await finished;
    return { code, stdout, loaded: stderr.match(/(?<=loaded ).*/g) ?? [] };
  }

  it('nothing is traced, and nothing of it is loaded', async () => {
    const { code, stdout, loaded } = await run({ METRICS_PORT: '0' });
    expect({ code, loaded }).toEqual({ code: 0, loaded: [] });
    expect(stdout).toContain('"msg":"request"');
    expect(stdout).not.toContain('traceId');
  });

  it('it is the same where it is switched off', async () => {
    const off = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_SDK_DISABLED: 'true' };
    expect((await run(off)).loaded).toEqual([]);
  });

  it('and with one, the program sends what it has before it ends', async () => {
    const collector = await startCollector();
    const { code, loaded } = await run({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: NEVER,
    });
    expect(code).toBe(0);
    expect(loaded).toContainEqual(expect.stringContaining('/open-telemetry-'));
    expect(named(collector.spans(), 'GET /graphql').length).toBe(1);
  });
});

import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createMetrics } from '../../src/http/metrics.ts';
import { scrape as scrapeOnce } from '../../src/http/scrape.ts';
import { createLog } from '../../src/log.ts';
import { serve } from '../../src/serve.ts';
import { recordOutput, recordSecrets } from '../recorder.ts';
import { databaseOfItsOwn, PASSWORD, TOKEN_SECRET } from '../world.ts';
import { hear } from './hear.ts';
import { parseScrape } from './scraped.ts';

const METRICS_TOKEN = `${'m'.repeat(31)}~`;
const own = await databaseOfItsOwn();
afterAll(own.drop);

/** A server on this file's database, until the test ends. */
async function start(env: Record<string, string>) {
  const { config, secrets } = readConfig({
    NODE_ENV: 'test',
    BCRYPT_COST: '4',
    REGISTRATION: 'open',
    TOKEN_SECRETS: TOKEN_SECRET,
    PORT: '0',
    ...own.env,
    ...env,
  });
  const server = await serve(config, secrets, createLog({ env: 'test', logLevel: 'info' }, { write: recordOutput }));
  onTestFinished(() => server.close());
  const { origin } = new URL(server.url);

  async function ask(query: string, headers: Record<string, string> = {}) {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query }),
    });
    const body = await response.json();
    recordSecrets(query);
    recordSecrets(body);
    return body;
  }

  let made = 0;
  async function register() {
    const username = `${randomBytes(4).toString('hex')}-${++made}`;
    const { data } = await ask(
      `mutation { createUser(input: { username: "${username}", password: "${PASSWORD}" }) { ... on CreatedUser { key } } }`,
    );
    return { username, key: data.createUser.key as string };
  }

  const scrape = async () => parseScrape(await (await fetch(server.metricsUrl ?? '')).text());
  /** The value of a series once it is this: a gauge falls when an answer's connection has been told. */
  const becomes = (series: string, value: number) => expect.poll(async () => (await scrape()).get(series)).toBe(value);
  return { ...server, origin, ask, register, scrape, becomes };
}

const logInAs = (username: string, password = PASSWORD) =>
  `mutation { obtainAuthToken(input: { username: "${username}", password: "${password}" }) { __typename } }`;

describe('/metrics', () => {
  it('is not there unless it is asked for', async () => {
    const { origin, metricsUrl } = await start({});
    expect({ metricsUrl, status: (await fetch(`${origin}/metrics`)).status }).toEqual({
      metricsUrl: null,
      status: 404,
    });
  });

  it('has a port of its own by METRICS_PORT, where nothing else is', async () => {
    const { origin, metricsUrl } = await start({ METRICS_PORT: '0' });
    expect(metricsUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect((await fetch(`${origin}/metrics`)).status).toBe(404);
    const { status, headers } = await fetch(metricsUrl ?? '');
    expect({ status, type: headers.get('content-type'), cache: headers.get('cache-control') }).toEqual({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      cache: 'private, no-store',
    });
    const elsewhere = new URL('/graphql?query={__typename}', metricsUrl ?? '');
    expect((await fetch(elsewhere)).status).toBe(404);
    expect((await fetch(metricsUrl ?? '', { method: 'POST' })).status).toBe(405);
  });

  it.each([
    ['at the server’s own port', {}],
    ['at a port of its own', { METRICS_PORT: '0' }],
  ])('is for whoever sends METRICS_TOKEN alone, %s', async (_where, env) => {
    const { origin, metricsUrl } = await start({ ...env, METRICS_TOKEN });
    const url = metricsUrl ?? `${origin}/metrics`;
    const ask = async (authorization?: string) => {
      const { status, headers } = await fetch(url, { headers: authorization ? { authorization } : {} });
      return [status, headers.get('www-authenticate'), headers.get('cache-control')];
    };
    const refused = [401, 'Bearer', 'private, no-store'];
    for (const wrong of [METRICS_TOKEN.slice(1), `${METRICS_TOKEN}x`, 'x', METRICS_TOKEN.toUpperCase()]) {
      expect(await ask(`Bearer ${wrong}`)).toEqual(refused);
    }
    for (const other of [undefined, `Token ${METRICS_TOKEN}`, METRICS_TOKEN, 'Bearer']) {
      expect(await ask(other)).toEqual(refused);
    }
    for (const right of [`Bearer ${METRICS_TOKEN}`, `bearer  ${METRICS_TOKEN}`]) {
      expect(await ask(right)).toEqual([200, null, 'private, no-store']);
    }
  });

  it('counts what is answered, by where, how and in which time', async () => {
    const { ask, scrape, origin } = await start({ METRICS_PORT: '0' });
    await ask('query A { __typename }');
    await ask('query B { __typename }');
    await ask('{ me { id } }');
    await fetch(`${origin}/elsewhere`);
    await fetch(`${origin}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ token: 'none' }) });
    const all = await scrape();
    const requests = [...all].filter(([series]) => series.startsWith('tessera_requests_total'));
    expect(Object.fromEntries(requests)).toEqual({
      'tessera_requests_total{endpoint="/graphql",outcome="ok",status="2xx"}': 2,
      'tessera_requests_total{endpoint="/graphql",outcome="UNAUTHENTICATED",status="4xx"}': 1,
      'tessera_requests_total{endpoint="other",outcome="404",status="4xx"}': 1,
      'tessera_requests_total{endpoint="/oauth/revoke",outcome="ok",status="2xx"}': 1,
    });
    expect(all.get('tessera_request_duration_seconds_count{endpoint="/graphql"}')).toBe(3);
    expect(all.get('tessera_request_duration_seconds_bucket{le="+Inf",endpoint="/graphql"}')).toBe(3);
    expect(all.get('tessera_throttled_total')).toBe(0);
  });

  it('counts logins by how they ended, whoever it was', async () => {
    const { ask, register, scrape } = await start({ METRICS_PORT: '0' });
    const { username } = await register();
    for (const password of [PASSWORD, 'wrong', PASSWORD, PASSWORD]) await ask(logInAs(username, password));
    await ask(logInAs('nobody-at-all'));
    const all = await scrape();
    expect(all.get('tessera_logins_total{result="ok"}')).toBe(3);
    expect(all.get('tessera_logins_total{result="refused"}')).toBe(2);
  });

  it('shows the passwords that were turned away', async () => {
    const { ask, scrape } = await start({
      METRICS_PORT: '0',
      BCRYPT_COST: '12',
      PASSWORDS_AT_ONCE: '1',
      PASSWORDS_WAITING: '0',
    });
    const answers = await Promise.all(Array.from({ length: 12 }, (_each, n) => ask(logInAs(`nobody${n}`))));
    const turnedAway = answers.filter(({ errors }) => errors?.[0].extensions.code === 'OVERLOADED').length;
    expect(turnedAway).toBeGreaterThan(0);
    const all = await scrape();
    expect(all.get('tessera_passwords_refused_total')).toBe(turnedAway);
    expect(all.get('tessera_logins_total{result="refused"}')).toBe(12 - turnedAway);
    expect(all.get('tessera_passwords_active')).toBe(0);
    expect(all.get('tessera_passwords_waiting')).toBe(0);
  });

  it('shows what is remembered, what is open and what is heard', async () => {
    const { url, ask, register, scrape, becomes } = await start({ METRICS_PORT: '0' });
    await becomes('tessera_changes_heard', 1);
    const { key } = await register();
    const authorization = `Token ${key}`;
    for (let n = 0; n < 3; n++) await ask('{ me { id } }', { authorization });
    const all = await scrape();
    expect(all.get('tessera_viewer_lookups_total{result="miss"}')).toBe(1);
    expect(all.get('tessera_viewer_lookups_total{result="hit"}')).toBe(2);
    expect(all.get('tessera_viewer_cache_entries')).toBe(1);
    expect(all.get('tessera_database_connections')).toBeGreaterThan(0);
    expect(all.get('tessera_database_requests_waiting')).toBe(0);
    expect(all.get('tessera_streams_open')).toBe(0);

    const heard = await hear(url, key);
    await becomes('tessera_streams_open', 1);
    await becomes('tessera_requests_in_flight', 1);
    heard.leave();
    await becomes('tessera_streams_open', 0);
    await becomes('tessera_requests_in_flight', 0);
  });

  it('says what runs, and how the process is', async () => {
    const all = await (await start({ METRICS_PORT: '0' })).scrape();
    expect(all.get(`tessera_build_info{version="0.1.0",node="${process.version}"}`)).toBe(1);
    expect(all.get('process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
    expect(all.get('nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
  });

  it('takes no label from what callers choose, and shows no secret and nobody’s name', async () => {
    const { ask, register, origin, metricsUrl } = await start({ METRICS_PORT: '0' });
    const { username, key } = await register();
    const chosen = () => `evil${randomBytes(6).toString('hex')}`;
    async function flood() {
      for (let n = 0; n < 30; n++) {
        const headers = { authorization: n % 2 ? `Token ${key}` : chosen(), 'x-request-id': chosen() };
        await ask(`query ${chosen()} { ${chosen()}: __typename }`, headers);
        await ask(`query ${chosen()} { ${chosen()} }`, headers);
        await ask(logInAs(chosen(), chosen()));
        await fetch(`${origin}/${chosen()}?${chosen()}`, { headers });
        await fetch(`${origin}/graphql/${chosen()}`, { method: n % 2 ? 'PUT' : 'DELETE', headers });
        await fetch(`${origin}/oauth/introspect`, { method: 'POST', headers, body: chosen() });
      }
      return (await fetch(metricsUrl ?? '')).text();
    }
    const first = await flood();
    const second = await flood();
    const own = (text: string) => [...parseScrape(text).keys()].filter((series) => series.startsWith('tessera_'));
    expect(own(second)).toEqual(own(first));
    expect(own(second).length).toBeLessThan(100);
    for (const secret of ['evil', username, key, TOKEN_SECRET, PASSWORD]) expect(second).not.toContain(secret);
  });

  it('says that figures cannot be read, and no more', async () => {
    const metrics = {
      note: () => {},
      text: () => Promise.reject(new Error('broken inside')),
      contentType: 'text/plain',
    };
    const { status, body } = await scrapeOnce({ method: 'GET', authorization: null }, { metrics, token: null });
    expect({ status, body }).toEqual({ status: 500, body: 'The figures cannot be read.\n' });
  });

  it('counts apart what was throttled', () => {
    const none = () => 0;
    const metrics = createMetrics(
      {
        passwords: () => ({ active: 0, waiting: 0, refused: 0, good: 0, bad: 0 }),
        viewers: () => ({ hits: 0, misses: 0, size: 0 }),
        pool: () => ({ total: 0, idle: 0, waiting: 0 }),
        openStreams: none,
        areChangesHeard: () => true,
        requestsInFlight: none,
      },
      '0.0.0',
    );
    metrics.note({ endpoint: '/graphql', outcome: 'THROTTLED', status: 429, seconds: 0.001 });
    return expect(metrics.text().then((text) => parseScrape(text).get('tessera_throttled_total'))).resolves.toBe(1);
  });
});

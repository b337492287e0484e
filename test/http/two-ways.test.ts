import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Incoming } from '../../src/http/incoming.ts';
import { Outgoing } from '../../src/http/outgoing.ts';
import { recordSecrets } from '../recorder.ts';
import { openWorld, PASSWORD } from '../world.ts';
import { audit } from './audit.ts';

const CASES = 10_000;
const AT_ONCE = 16;
const LIMITS = {
  RATE_LIMIT_PER_ADDRESS: '1000000000',
  RATE_LIMIT_PER_USER: '1000000000',
  MAX_LOGIN_FAILURES: '1000000',
  MAX_LOGIN_FAILURES_PER_ADDRESS: '1000000',
  MAX_BODY_BYTES: '5000',
  CORS_ORIGINS: 'https://app.example.org',
};

const world = await openWorld(LIMITS);
const { database, makeUser } = world;

interface Sent {
  method: string;
  path: string;
  headers: Record<string, string | string[]>;
  body: Buffer | null;
  /** Without a length: in chunks of so many bytes. */
  chunks: number | null;
}

interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

function listen(listener: Parameters<typeof createServer>[1]): Promise<{ port: number; close(): void }> {
  const server = createServer({ IncomingMessage: Incoming, ServerResponse: Outgoing }, listener);
  server.maxHeadersCount = 0;
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        port,
        close() {
          server.closeAllConnections();
          server.close();
        },
      });
    });
  });
}

function ask(port: number, { method, path, headers, body, chunks }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body && (chunks === null ? { 'content-length': body.length } : { 'transfer-encoding': 'chunked' });
    // The same Host, whichever port: answers must not differ by it.
    const host = { host: 'tessera.test' };
    const request = send(
      { port, host: '127.0.0.1', method, path, headers: { ...host, ...headers, ...length } },
      (reply) => {
        const parts: Buffer[] = [];
        reply.on('data', (part) => parts.push(part));
        reply.on('end', () => {
          const text = Buffer.concat(parts).toString('latin1');
          resolve({ status: reply.statusCode, headers: reply.headers, body: text });
        });
      },
    );
    request.on('error', (error: NodeJS.ErrnoException) => {
      // The server has closed the connection while this was on its way, as HTTP lets it between two requests.
      if (error.code === 'ECONNRESET' && request.reusedSocket)
        resolve(ask(port, { method, path, headers, body, chunks }));
      else reject(error);
    });
    if (body && chunks !== null)
      for (let at = 0; at < body.length; at += chunks) request.write(body.subarray(at, at + chunks));
    else if (body) request.write(body);
    request.end();
  });
}

/** What two answers to the same request may differ in: the time, a random id, and how many requests came before. */
function comparable({ status, headers, body }: Answer, sent: Sent): object {
  const { date: _, 'x-request-id': id, ratelimit, ...rest } = headers;
  const isOwn = sent.headers['x-request-id'] === id;
  return {
    status,
    headers: {
      ...rest,
      'x-request-id': isOwn ? id : typeof id,
      ratelimit: ratelimit && String(ratelimit).replace(/[rt]=\d+/g, 'n'),
    },
    body: isOwn ? body : body.replaceAll(String(id), 'an id'),
  };
}

const DOCUMENTS = [
  '{ __typename }',
  '{ me { id username } }',
  'query Me { me { id username email isActive isStaff isSuperuser dateJoined lastLogin __typename } }',
  '{ viewer { id } }',
  '{ viewer { email } me { ...F } } fragment F on User { id ... on User { username } ... on Node { id } }',
  '{ a: me { b: username } c: me { b: username d: id } }',
  '{ currentToken { id name kind scopes createdAt expiresAt isCurrent user { username } } }',
  '{ me { tokens { edges { node { id name scopes user { id } } cursor } pageInfo { hasNextPage endCursor } totalCount } } }',
  '{ tokens(first: 2) { edges { node { name kind } } } }',
  '{ tokens(first: 101) { edges { node { name } } } }',
  '{ users { edges { node { username email } } } }',
  // Of a kind that no request here makes more of.
  '{ auditEvents(first: 1, kind: USER_CREATED) { edges { node { kind } } } }',
  '{ scopes { name description } }',
  'query($document: String!) { requiredScopes(document: $document) { scopes public missing } }',
  'query($id: ID!) { node(id: $id) { __typename id ... on User { username email } ... on Token { name } } }',
  'query N($id: ID! = "VXNlcjox") { node(id: $id) { id } }',
  'query($first: Int, $with: Boolean = true) { tokens(first: $first) @include(if: $with) { edges { node { name } } } __typename }',
  'query($without: Boolean!) { me { id @skip(if: $without) username } }',
  'query A { me { id } } query B { viewer { id } } mutation C { revokeToken(input: { id: "x" }) { __typename } }',
  '{ me { ... @defer { id } username } }',
  '{ __schema { queryType { name } } }',
  '{ __type(name: "User") { name } me { id } }',
  'mutation { obtainAuthToken(input: { username: "ada", password: "wrong" }) { __typename ... on Error { message } } }',
  `mutation { obtainAuthToken(input: { username: "ada", password: "${PASSWORD}" }) { ... on IssuedToken { key } } }`,
  'mutation { verifyToken(input: { token: "x" }) { __typename } }',
  'subscription { tokenEvents @skip(if: true) { kind } }',
  'query($with: Boolean = false) { ...F @include(if: $with) ...F } fragment F on Query { __typename scopes { name } }',
  'query($with: Boolean!) { __typename @include(if: $with) viewer { id } ... on Query { __typename } }',
  'query($without: Boolean!) { me { ...F @skip(if: $without) id } } fragment F on User { username id }',
  '{ ...F @skip(if: true) ...F } fragment F on Query { me { id } }',
  '{ me { id id username } me { username } ... { me { isStaff } } }',
  '{ __proto__: __typename constructor: __typename toString: __typename }',
  '{ me { nonsense } }',
  '{ me { id ',
  '{ me(x: 1) { id } }',
  'query($x: Nonsense) { me { id } }',
  `{ ${Array.from({ length: 60 }, (_, n) => `a${n}: __typename`).join(' ')} }`,
  `{ ${'me { tokens { edges { node { user { '.repeat(6)}id${' } } } } }'.repeat(6)} }`,
  '',
];

const ACCEPTS = [
  undefined,
  '*/*',
  'application/json',
  'application/graphql-response+json',
  'application/graphql-response+json, application/json;q=0.9',
  'application/json, multipart/mixed',
  'application/graphql-response+json,application/json;q=0.9,*/*;q=0.8',
  'application/json;q=0.5, application/graphql-response+json',
  'text/event-stream',
  'text/html',
  'text/html,*/*;q=0.1',
  'nonsense',
  '',
];

const CONTENT_TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=UTF-8',
  'APPLICATION/JSON',
  'application/json; charset=latin1',
  'application/graphql+json',
  'application/graphql',
  'application/x-www-form-urlencoded',
  'text/plain',
  undefined,
];

const NAMES = [undefined, null, '', 'Me', 'A', 'B', 'C', 'Nobody', 1, {}];
const EXTENSIONS = [undefined, null, {}, { persistedQuery: { version: 1 } }, 'x', []];

function variablesArbitrary() {
  const value = fc.oneof(
    fc.constantFrom(null, true, false, 0, 1, 2, 101, -1, 1.5, 'x', '{ me { id } }', [], {}),
    fc.jsonValue(),
  );
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(null, {}, [], 'x', 1) },
    {
      weight: 4,
      arbitrary: fc.record(
        { id: value, document: value, first: value, with: value, without: value, unknown: value },
        { requiredKeys: [] },
      ),
    },
  );
}

function sentArbitrary(credentials: Record<string, string>[]) {
  const often = <Value>(common: Value, all: readonly Value[]) =>
    fc.oneof({ weight: 25, arbitrary: fc.constant(common) }, { weight: 1, arbitrary: fc.constantFrom(...all) });
  const params = fc
    .record({
      query: fc.oneof(
        { weight: 10, arbitrary: fc.constant('{ me { id username } }') },
        { weight: 12, arbitrary: fc.constantFrom(...DOCUMENTS) },
        { weight: 1, arbitrary: fc.constantFrom(undefined, null, 1, ['{ me { id } }']) },
      ),
      variables: variablesArbitrary(),
      operationName: often(undefined, NAMES),
      extensions: often(undefined, EXTENSIONS),
      other: often(undefined, [undefined, null, 1, 'x']),
    })
    .map((given) => JSON.stringify(given));
  const body = fc.oneof(
    { weight: 100, arbitrary: params.map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: params.map((text) => Buffer.from(`[${text}]`)) },
    { weight: 1, arbitrary: fc.tuple(params, fc.nat(80)).map(([text, end]) => Buffer.from(text).subarray(0, end)) },
    { weight: 1, arbitrary: params.map((text) => Buffer.from(`\u{feff}${text}`)) },
    { weight: 1, arbitrary: params.map((text) => Buffer.from(` \n${text}\t `)) },
    { weight: 1, arbitrary: params.map((text) => Buffer.from(text.padEnd(6_000))) },
    { weight: 1, arbitrary: params.map((text) => Buffer.from(text.replace('me', '\\u006de'))) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(params, fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.nat(60))
        .map(([text, bytes, at]) =>
          Buffer.concat([Buffer.from(text.slice(0, at)), bytes, Buffer.from(text.slice(at))]),
        ),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('null', '1', '"x"', '{}', '[]', 'x', '{"__proto__":{"query":"{ me { id } }"}}')
        .map((text) => Buffer.from(text)),
    },
  );
  const odd = fc.constantFrom<Record<string, string | string[]>>(
    { 'x-request-id': 'mine-1' },
    { 'x-request-id': 'not "mine"' },
    { origin: 'https://app.example.org' },
    { origin: 'https://evil.example.org' },
    { 'user-agent': 'two-ways' },
    { 'content-encoding': 'identity' },
    { 'content-encoding': 'gzip' },
    { 'accept-encoding': 'gzip, br' },
    { 'x-forwarded-for': '203.0.113.7' },
    { 'x-forwarded-proto': 'http' },
    { cookie: 'a=b' },
    { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    { expect: '100-continue' },
  );
  return fc
    .record({
      method: often('POST', ['POST', 'GET', 'PUT', 'OPTIONS']),
      path: often('/graphql', ['/graphql', '/graphql?', '/graphql?query={me{id}}', '/graphql/', '/other', '/GRAPHQL']),
      accept: often<string | undefined>('*/*', ACCEPTS),
      contentType: often<string | undefined>('application/json', CONTENT_TYPES),
      credential: fc.constantFrom(...credentials),
      others: fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        { weight: 2, arbitrary: fc.array(odd, { maxLength: 2 }) },
      ),
      body,
      chunks: often<number | null>(null, [null, 1_000, 7]),
    })
    .map(({ method, path, accept, contentType, credential, others, body, chunks }): Sent => {
      const hasBody = method !== 'GET';
      return {
        method,
        path: encodeURI(path),
        headers: Object.assign(
          {},
          accept !== undefined && { accept },
          contentType !== undefined && hasBody && { 'content-type': contentType },
          credential,
          ...others,
        ),
        body: hasBody ? body : null,
        chunks,
      };
    });
}

/** Every way to say who is calling, and to say it badly. */
async function credentialsOf(): Promise<Record<string, string | string[]>[]> {
  const ada = await makeUser('ada');
  const staff = await makeUser('staff', { isStaff: true });
  const gone = await makeUser('gone');
  const narrow = await makeUser('narrow');
  const late = await makeUser('late');
  await database.user.update({ where: { id: gone.user.id }, data: { isActive: false } });
  await database.token.update({ where: { id: narrow.token.id }, data: { scopes: ['account:read'] } });
  await database.token.update({ where: { id: late.token.id }, data: { expiresAt: world.clock.now } });
  const forged = `${ada.key.slice(0, -3)}AAA`;
  return [
    {},
    { authorization: `Token ${ada.key}` },
    { authorization: `Token ${ada.key}` },
    { authorization: `Token ${ada.key}` },
    { authorization: `token  ${ada.key} ` },
    { authorization: `Bearer ${ada.key}` },
    { token: ada.key },
    { authorization: `Token ${staff.key}` },
    { authorization: `Token ${gone.key}` },
    { authorization: `Token ${narrow.key}` },
    { authorization: `Token ${late.key}` },
    { authorization: `Token ${forged}` },
    { authorization: `Bearer ${forged}` },
    { authorization: 'Token' },
    { authorization: 'Token a b' },
    { authorization: 'Bearer eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.AAAA' },
    { authorization: 'Basic YTpi' },
    { authorization: `Token ${ada.key}`, token: ada.key },
    { authorization: [`Token ${ada.key}`, `Token ${staff.key}`] },
    { cookie: 'tessera_session=tsrs_x' },
  ];
}

describe('the short way and Yoga', () => {
  let short: { port: number; close(): void };
  let whole: { port: number; close(): void };
  beforeAll(async () => {
    short = await listen(world.endpoint);
    whole = await listen(world.endpoint.yoga);
  });
  afterAll(() => {
    short.close();
    whole.close();
  });

  it(`answer alike: ${CASES.toLocaleString('en')} requests, good and bad`, { timeout: 600_000 }, async () => {
    const credentials = await credentialsOf();
    const cases = fc.sample(sentArbitrary(credentials as Record<string, string>[]), CASES);
    for (const { body } of cases) recordSecrets(body?.toString() ?? '');
    const before = world.endpoint.answeredWithoutYoga();
    for (let from = 0; from < cases.length; from += AT_ONCE) {
      await Promise.all(
        cases.slice(from, from + AT_ONCE).map(async (sent) => {
          const [byYoga, byShort] = await Promise.all([ask(whole.port, sent), ask(short.port, sent)]);
          const said = { ...sent, body: sent.body?.toString() };
          expect({ said, ...comparable(byShort, sent) }).toEqual({ said, ...comparable(byYoga, sent) });
        }),
      );
    }
    // Else the two would be one.
    expect(world.endpoint.answeredWithoutYoga() - before).toBeGreaterThan(CASES / 4);
  });

  it('run the documents of a list alone, told by id or as they are', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tessera-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ known: '{ me { id } }' }));
    const endpoint = world.endpointWith({ ...LIMITS, TRUSTED_DOCUMENTS: join(folder, 'manifest.json') });
    const [ways, { key }] = [await Promise.all([listen(endpoint.yoga), listen(endpoint)]), await makeUser()];
    onTestFinished(() => {
      for (const { close } of ways) close();
    });
    const asks = [
      { documentId: 'known' },
      { query: '{me{id}}' },
      { extensions: { persistedQuery: { version: 1, sha256Hash: 'known' } } },
      { documentId: 'unknown' },
      { query: '{ viewer { id } }' },
      { query: `{ ${'a '.repeat(2_000)}}` },
      { documentId: 1 },
      {},
    ];
    for (let round = 0; round < 4; round++) {
      for (const asked of asks) {
        const sent: Sent = {
          method: 'POST',
          path: '/graphql',
          headers: { 'content-type': 'application/json', authorization: `Token ${key}` },
          body: Buffer.from(JSON.stringify(asked)),
          chunks: null,
        };
        const [byYoga, byShort] = await Promise.all(ways.map(({ port }) => ask(port, sent)));
        expect({ asked, ...comparable(byShort as Answer, sent) }).toEqual({
          asked,
          ...comparable(byYoga as Answer, sent),
        });
      }
    }
    expect(endpoint.answeredWithoutYoga()).toBeGreaterThanOrEqual(9);
  });

  it('both keep the GraphQL over HTTP audit', { timeout: 60_000 }, async () => {
    const auditOf = ({ port }: { port: number }) => audit(`http://127.0.0.1:${port}/graphql`);
    expect((await auditOf(whole)).filter(({ status }) => status !== 'ok')).toEqual([]);
    // What it asks is known by now; what it asks wrongly is for Yoga either way.
    await auditOf(whole);
    const before = world.endpoint.answeredWithoutYoga();
    expect((await auditOf(short)).filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(world.endpoint.answeredWithoutYoga() - before).toBeGreaterThan(15);
  });
});

import net from 'node:net';
import fc from 'fast-check';
import {
  type GraphQLInputType,
  type GraphQLOutputType,
  getNamedType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../src/graphql/schema.ts';
import { type StartedServer, startServer } from '../program.ts';
import { databaseOfItsOwn, PASSWORD, TOKEN_SECRET } from '../world.ts';

/** Of all kinds together; CI runs the suite on two databases, so that it comes to 100,000. */
const CASES = process.env.CI ? 50_000 : 4_000;
const AT_ONCE = 25;
const USERS = 20;
const MOST_MS = 5_000;

let server: StartedServer;
const keys: string[] = [];

beforeAll(async () => {
  const own = await databaseOfItsOwn();
  let stop = async () => {};
  server = await startServer(
    {
      ...own.env,
      NODE_ENV: 'test',
      BCRYPT_COST: '4',
      TOKEN_SECRETS: TOKEN_SECRET,
      REGISTRATION: 'open',
      AUTHENTICATION: 'token,jwt,session,basic',
      // What is behind the limits is to be reached.
      RATE_LIMIT_PER_ADDRESS: 'none',
      RATE_LIMIT_PER_USER: 'none',
      MAX_LOGIN_FAILURES: '1000000',
      MAX_LOGIN_FAILURES_PER_ADDRESS: '1000000',
      MAX_REGISTRATIONS_PER_ADDRESS: '1000000',
      PASSWORDS_WAITING: '10000',
    },
    (kill) => {
      stop = kill;
    },
  );
  for (let n = 0; n < USERS; n++) {
    const query = `mutation { createUser(input: { username: "fuzz${n}", password: "${PASSWORD}" }) { ... on CreatedUser { key } } }`;
    const reply = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    keys.push((await reply.json()).data.createUser.key);
  }
  return async () => {
    await stop();
    await own.drop();
  };
});

/** All that the server says to these bytes; null when it is still open after some seconds, as a stream is. */
function say(bytes: Uint8Array): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
    const parts: Buffer[] = [];
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(null);
    }, MOST_MS);
    socket.on('data', (part) => {
      parts.push(part);
      // A stream does not end by itself.
      if (parts.length === 1 && part.includes('text/event-stream')) socket.destroy();
    });
    // Told to go away in the middle of what it sends, it has been answered all the same.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(parts).toString('latin1'));
    });
    socket.end(bytes);
  });
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');

function requestOf(headers: readonly (readonly [string, string])[], body: string, start = 'POST /graphql HTTP/1.1') {
  const given = [
    ['Host', 'localhost'],
    ['Connection', 'close'],
    ['Content-Length', String(Buffer.byteLength(body))],
    ...headers,
  ];
  return Buffer.concat([
    latin1(`${start}\r\n${given.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`),
    Buffer.from(body),
  ]);
}

function judge(reply: string | null, from: Uint8Array): void {
  if (reply === null) return;
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(reply)?.[1] ?? 0);
  const said = { sent: Buffer.from(from).toString('latin1'), reply };
  // 501 is Node's own, for methods and codings that it has not.
  if (status >= 500 && status !== 501) expect(said).toBe('an answer that is no fault of the server’s');
  if (reply.includes('INTERNAL_SERVER_ERROR') || /\n\s+at \S+ \(|node:internal|node_modules|\.[jt]s:\d+/.test(reply)) {
    expect(said).toBe('an answer that tells nothing of the inside');
  }
  // What was sent with the request, the answer may quote: a syntax error does. And a password is what gives a key.
  const isGiven = (secret: string) =>
    said.sent.includes(secret) || (secret !== TOKEN_SECRET && said.sent.includes(PASSWORD));
  for (const secret of [PASSWORD, TOKEN_SECRET, ...keys]) {
    if (reply.includes(secret) && !isGiven(secret)) expect(said).toBe('an answer without a secret');
  }
}

const anyBytes = fc.uint8Array({ maxLength: 300 });
const anyValue = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll(/[\r\n\0]|[^\0-\xff]/g, '?')),
  fc.constantFrom('', ' ', ',', ';', '=', '"', 'null', '*/*', 'a'.repeat(9_000), '\xff', 'application/json', 'chunked'),
);
const credential = fc.oneof(
  fc.nat(USERS - 1).map((n) => `Token ${keys[n]}`),
  anyValue,
  fc
    .tuple(fc.constantFrom('Token', 'Bearer', 'Basic', 'token', 'Digest', ''), anyValue)
    .map((words) => words.join(' ')),
  anyBytes.map((bytes) => `Basic ${Buffer.from(bytes).toString('base64')}`),
  anyBytes.map((bytes) => `Token tsr_${Buffer.from(bytes).toString('base64url')}`),
  fc
    .array(anyBytes, { maxLength: 4 })
    .map((parts) => `Bearer ${parts.map((each) => Buffer.from(each).toString('base64url')).join('.')}`),
);
const HEADERS = [
  'Accept',
  'Content-Type',
  'Content-Encoding',
  'Transfer-Encoding',
  'Expect',
  'Upgrade',
  'Host',
  'Cookie',
  'Origin',
  'Referer',
  'Sec-Fetch-Site',
  'X-Tessera-CSRF',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Request-Id',
  'traceparent',
  'Range',
  'If-None-Match',
  'Token',
  'Authorization',
  'User-Agent',
  'X-HTTP-Method-Override',
  '__proto__',
  'constructor',
];
const header = fc.oneof(
  fc.tuple(fc.constantFrom('Authorization', 'Token'), credential),
  fc.tuple(fc.constantFrom(...HEADERS), anyValue),
  fc.tuple(fc.stringMatching(/^[\w!#$%&'*+.^`|~-]{1,20}$/), anyValue),
);

/** A document over the schema, as this tape of numbers has it. */
function documentFrom(tape: readonly number[]): string {
  let at = 0;
  const next = (below: number) => (tape[at++ % tape.length] ?? 0) % below;
  const pick = <Item>(items: readonly Item[]): Item => items[next(items.length)] as Item;

  function literal(type: GraphQLInputType, depth: number): string {
    if (next(12) === 0) return pick(['null', '$v', '[]', '{}', '1e999', '-1', '""', 'ENUM', '"\\u0000"', '[[[]]]']);
    if (isNonNullType(type)) return literal(type.ofType, depth);
    if (isListType(type)) return `[${Array.from({ length: next(3) }, () => literal(type.ofType, depth)).join(', ')}]`;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter(() => next(8) !== 0);
      return depth > 3
        ? '{}'
        : `{ ${fields.map((field) => `${field.name}: ${literal(field.type, depth + 1)}`).join(' ')} }`;
    }
    return pick([
      '1',
      'true',
      '"*"',
      '"fuzz1"',
      `"${PASSWORD}"`,
      '"VXNlcjo="',
      '"2030-01-01T00:00:00Z"',
      '"\u202e"',
      '20',
    ]);
  }

  function selection(type: GraphQLOutputType, depth: number): string {
    const named = getNamedType(type);
    if (isLeafType(named)) return '';
    if (depth > 4) return '{ __typename }';
    const fields = isObjectType(named) ? Object.values(named.getFields()) : [];
    const parts = Array.from({ length: 1 + next(3) }, () => {
      if (fields.length === 0 || next(9) === 0) {
        return pick([
          '__typename',
          '...F',
          '... on Error { message }',
          '... on User { id }',
          '...{ __typename }',
          'nothing',
        ]);
      }
      const field = pick(fields);
      const args = field.args.filter(() => next(6) !== 0);
      const given = args.length > 0 ? `(${args.map((arg) => `${arg.name}: ${literal(arg.type, 0)}`).join(', ')})` : '';
      const alias = next(4) === 0 ? `a${next(5)}: ` : '';
      const directive =
        next(10) === 0 ? pick(['@skip(if: true)', '@include(if: $v)', '@defer', '@nothing', '@stream']) : '';
      return `${alias}${field.name}${given} ${directive} ${selection(field.type, depth + 1)}`;
    });
    return `{ ${parts.join(' ')} }`;
  }

  const [kind, root] = pick([
    ['query', schema.getQueryType()],
    ['mutation', schema.getMutationType()],
    ['subscription', schema.getSubscriptionType()],
  ] as const);
  const text = `${kind} ${pick(['', 'Q', 'Q($v: Boolean)', 'Q($v: [ID!]! = null)'])} ${root ? selection(root, 0) : ''}`;
  return next(3) === 0
    ? `${text} fragment F on ${pick(['User', 'Token', 'Query', 'Error'])} { ${pick(['id', '...F', 'x'])} }`
    : text;
}

const document = fc.oneof(
  { weight: 6, arbitrary: fc.array(fc.nat(1_000), { minLength: 5, maxLength: 60 }).map(documentFrom) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 100 }) },
);
/** With a piece of it cut out or something put in, now and then. */
const hurt = fc
  .tuple(document, fc.nat(), fc.nat(20), fc.option(fc.string({ unit: 'binary', maxLength: 5 }), { freq: 2 }))
  .map(([text, at, length, piece]) => {
    if (piece === null) return text;
    const from = at % (text.length + 1);
    return text.slice(0, from) + piece + text.slice(from + length);
  });
const JSON_TYPE = ['Content-Type', 'application/json'] as const;

const CASE_KINDS = {
  'arbitrary bytes': fc.oneof(
    anyBytes,
    fc.tuple(fc.nat(), anyBytes).map(([at, bytes]) => {
      const whole = requestOf([JSON_TYPE], '{"query":"{ viewer { id } }"}');
      const from = at % whole.length;
      return Buffer.concat([whole.subarray(0, from), bytes, whole.subarray(from)]);
    }),
  ),
  'arbitrary headers': fc
    .tuple(
      fc.array(header, { maxLength: 6 }),
      fc.constantFrom(
        'POST /graphql',
        'GET /graphql?query={viewer{id}}',
        'POST /oauth/introspect',
        'POST /oauth/revoke',
        'OPTIONS /graphql',
        'GET /health/live',
        'PUT /x',
        'GET /.well-known/jwks.json',
      ),
      fc.boolean(),
    )
    .map(([headers, start, isJson]) =>
      requestOf(
        isJson ? [JSON_TYPE, ...headers] : headers,
        start.startsWith('POST')
          ? start.includes('oauth')
            ? 'token=tsr_x'
            : '{"query":"{ me { id } viewer { id } }"}'
          : '',
        `${start} HTTP/1.1`,
      ),
    ),
  'arbitrary documents': fc
    .tuple(hurt, credential, fc.option(fc.jsonValue(), { freq: 3 }), fc.nat(3))
    .map(([query, authorization, variables, n]) =>
      requestOf(
        n === 0
          ? [JSON_TYPE]
          : [JSON_TYPE, ['Authorization', n < 3 ? `Token ${keys[query.length % USERS]}` : authorization]],
        JSON.stringify({ query, ...(variables === null ? {} : { variables }) }),
      ),
    ),
};
const kinds = Object.entries(CASE_KINDS);

describe('the running server', () => {
  it.each(kinds)(
    'answers %s, without a fault of its own and without a secret',
    async (_name, kind) => {
      const runs = Math.ceil(CASES / kinds.length / AT_ONCE);
      const several = fc.array(kind, { minLength: AT_ONCE, maxLength: AT_ONCE, size: 'max' });
      await fc.assert(
        fc.asyncProperty(several, async (cases) => {
          await Promise.all(cases.map(async (bytes) => judge(await say(bytes), bytes)));
        }),
        { numRuns: runs, endOnFailure: true },
      );
      expect(server.child.exitCode).toBe(null);
    },
    600_000,
  );

  it('has put out no error, and still serves', async () => {
    const faults = server.output.stdout.split('\n').filter((line) => /"level":(?:[56]0)/.test(line));
    expect({ faults, stderr: server.output.stderr }).toEqual({ faults: [], stderr: '' });
    expect((await fetch(`${server.origin}/health/ready`)).status).toBe(200);
    const { data } = await (
      await fetch(`${server.url}?query={viewer{id}}`, { headers: { accept: 'application/json' } })
    ).json();
    expect(data).toEqual({ viewer: null });
  });
});

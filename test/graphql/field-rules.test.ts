import { readFileSync } from 'node:fs';
import { execute, subscribe as executeSubscription, extendSchema, type GraphQLError, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { issueSignIn } from '../../src/accounts/issue-sign-in.ts';
import { findViewer } from '../../src/accounts/viewers.ts';
import { keyOf, newTokenId } from '../../src/auth/key.ts';
import { refreshKeyOf } from '../../src/auth/refresh-key.ts';
import type { Viewer } from '../../src/auth/viewer.ts';
import type { User } from '../../src/database/generated/prisma/client.ts';
import { NOBODY } from '../../src/database/origin.ts';
import { RequestRefused } from '../../src/errors.ts';
import type { Context } from '../../src/graphql/context.ts';
import { schema } from '../../src/graphql/schema.ts';
import { declaredScopes } from '../../src/graphql/scopes.ts';
import { createLog } from '../../src/log.ts';
import { openWorld, PASSWORD } from '../world.ts';

// Every field of the committed table, asked for by every kind of caller: the outcome is what the table says.

const world = await openWorld();
const { database, makeUser, request, tokenSecrets } = world;

interface Row {
  type: string;
  field: string;
  asks: string;
  scopes: string;
  openTo: string;
  isWayIn: boolean;
}

const table = readFileSync(new URL('../../schema/field-rules.md', import.meta.url), 'utf8');
const rows: Row[] = [
  ...table.matchAll(/^\| (\w+)\.(\w+) \| ([\w ,]*?) ?\| ([\w ,:]*?) ?\| ([\w ,]+?)(; a way in)? \|$/gm),
].map(([, type = '', field = '', asks = '', scopes = '', openTo = '', wayIn]) => ({
  type,
  field,
  asks: asks || 'public',
  scopes,
  openTo,
  isWayIn: wayIn !== undefined,
}));
const rowOf = (name: string) => {
  const row = rows.find(({ type, field }) => `${type}.${field}` === name);
  if (!row) throw new Error(`The table has no row for ${name}.`);
  return row;
};

const STRICTNESS = [
  'public',
  'public where registration is open, else staff',
  'authenticated',
  'own or staff',
  'staff',
  'superuser',
];
const stricter = (a: string, b: string) => (STRICTNESS.indexOf(a) >= STRICTNESS.indexOf(b) ? a : b);

const CALLERS = ['anonymous', 'inactive', 'wrong key', 'revoked', 'user', 'staff', 'superuser'] as const;
type Caller = (typeof CALLERS)[number];
type Standing = Exclude<Caller, 'inactive' | 'wrong key' | 'revoked'>;
const REGISTRATIONS = ['open', 'closed'] as const;
type Registration = (typeof REGISTRATIONS)[number];

const BAD_CREDENTIALS: Partial<Record<Caller, string>> = {
  inactive: 'User inactive or deleted.',
  'wrong key': 'Invalid token.',
  revoked: 'Invalid token.',
};

/** Somebody who calls, another token of his that he can end, and the key of one that may do no more than make others. */
async function makeCaller(caller: Caller) {
  const standing = { isStaff: caller === 'staff', isSuperuser: caller === 'superuser' };
  const { user, token, key } = await makeUser(undefined, standing);
  if (caller === 'inactive') await database.user.update({ where: { id: user.id }, data: { isActive: false } });
  if (caller === 'revoked') await database.token.delete({ where: { id: token.id } });
  const spare = await database.token.create({ data: { userId: user.id, kind: 'API', name: 'spare' } });
  const sent = { anonymous: undefined, 'wrong key': keyOf({ id: newTokenId() }, ['w'.repeat(32)]) };
  const narrow = await database.token.create({
    data: { userId: user.id, kind: 'API', name: 'narrow', scopes: ['tokens:write'] },
  });
  if (caller in sent) {
    const key = sent[caller as keyof typeof sent];
    return { user, token, spare, key, narrowKey: key };
  }
  return { user, token, spare, key, narrowKey: caller === 'revoked' ? key : keyOf(narrow, tokenSecrets) };
}

interface Cast {
  /** Who calls. */
  userId: string;
  /** Whose password is sent where a login is asked for. */
  owner: string;
  fresh: string;
  spareId: string;
  /** The refresh token of a pair that somebody has. */
  refresh: string;
}

const login = (username: string, password: string, rest: string) =>
  `mutation { obtainAuthToken(input: { username: "${username}", password: "${password}" }) { ${rest} } }`;
const create = (username: string, rest: string) =>
  `mutation { createUser(input: { username: "${username}", password: "${PASSWORD}" }) { ${rest} } }`;
const revoke = (id: string, rest: string) => `mutation { revokeToken(id: "${id}") { ${rest} } }`;
const sign = (username: string, password: string, rest: string) =>
  `mutation { signIn(input: { username: "${username}", password: "${password}" }) { ${rest} } }`;
const make = (name: string, scopes: string, rest: string) =>
  `mutation { createToken(input: { name: "${name}", scopes: ${scopes} }) { ${rest} } }`;

interface Way {
  root: string;
  document: (selection: string, cast: Cast) => string;
  /** Whether it is only for those whose token may not do all that they may. */
  isNarrow?: boolean;
}

/**
 * How one comes to an object of each type, or to a field of it: by which root field, and by what operation. A new type
 * needs its line.
 */
const WAYS: Record<string, Way> = {
  CreatedUser: {
    root: 'Mutation.createUser',
    document: (s, { fresh }) => create(fresh, `... on CreatedUser { ${s} }`),
  },
  UsernameTakenError: {
    root: 'Mutation.createUser',
    document: (s, { owner }) => create(owner, `... on UsernameTakenError { ${s} }`),
  },
  IssuedToken: {
    root: 'Mutation.obtainAuthToken',
    document: (s, { owner }) => login(owner, PASSWORD, `... on IssuedToken { ${s} }`),
  },
  Token: {
    root: 'Mutation.obtainAuthToken',
    document: (s, { owner }) => login(owner, PASSWORD, `... on IssuedToken { token { ${s} } }`),
  },
  User: {
    root: 'Mutation.obtainAuthToken',
    document: (s, { owner }) => login(owner, PASSWORD, `... on IssuedToken { token { user { ${s} } } }`),
  },
  InvalidCredentialsError: {
    root: 'Mutation.obtainAuthToken',
    document: (s, { owner }) => login(owner, 'wrong', `... on InvalidCredentialsError { ${s} }`),
  },
  ValidationError: {
    root: 'Mutation.obtainAuthToken',
    document: (s) => login('', '', `... on ValidationError { ${s} }`),
  },
  FieldError: {
    root: 'Mutation.obtainAuthToken',
    document: (s) => login('', '', `... on ValidationError { fields { ${s} } }`),
  },
  RevokedToken: {
    root: 'Mutation.revokeToken',
    document: (s, { spareId }) => revoke(spareId, `... on RevokedToken { ${s} }`),
  },
  TokenNotFoundError: {
    root: 'Mutation.revokeToken',
    document: (s) => revoke('nonsense', `... on TokenNotFoundError { ${s} }`),
  },
  TokenNameTakenError: {
    root: 'Mutation.createToken',
    document: (s) => make('spare', '[]', `... on TokenNameTakenError { ${s} }`),
  },
  ScopeNotGrantedError: {
    root: 'Mutation.createToken',
    document: (s) => make('more', '["*"]', `... on ScopeNotGrantedError { ${s} }`),
    isNarrow: true,
  },
  TokenPair: {
    root: 'Mutation.refreshTokenPair',
    document: (s, { refresh }) => `mutation { refreshTokenPair(refresh: "${refresh}") { ... on TokenPair { ${s} } } }`,
  },
  RevokedTokenPair: {
    root: 'Mutation.revokeTokenPair',
    document: (s, { refresh }) =>
      `mutation { revokeTokenPair(refresh: "${refresh}") { ... on RevokedTokenPair { ${s} } } }`,
  },
  VerifiedToken: {
    root: 'Mutation.verifyToken',
    document: (s, { refresh }) => `mutation { verifyToken(token: "${refresh}") { ... on VerifiedToken { ${s} } } }`,
  },
  InvalidTokenError: {
    root: 'Mutation.verifyToken',
    document: (s) => `mutation { verifyToken(token: "nonsense") { ... on InvalidTokenError { ${s} } } }`,
  },
  SignedIn: {
    root: 'Mutation.signIn',
    document: (s, { owner }) => sign(owner, PASSWORD, `... on SignedIn { ${s} }`),
  },
  SignedOut: { root: 'Mutation.signOut', document: (s) => `mutation { signOut { ${s} } }` },
  RevokedTokens: { root: 'Mutation.revokeAllTokens', document: (s) => `mutation { revokeAllTokens { ${s} } }` },
  TokenConnection: { root: 'Query.tokens', document: (s) => `{ tokens { ${s} } }` },
  TokenEdge: { root: 'Query.tokens', document: (s) => `{ tokens { edges { ${s} } } }` },
  Scope: { root: 'Query.scopes', document: (s) => `{ scopes { ${s} } }` },
  RequiredScopes: {
    root: 'Query.requiredScopes',
    document: (s) => `{ requiredScopes(document: "{ me { id } }") { ${s} } }`,
  },
  TokenEvent: { root: 'Subscription.tokenEvents', document: (s) => `subscription { tokenEvents { ${s} } }` },
  AuditEventConnection: { root: 'Query.auditEvents', document: (s) => `{ auditEvents { ${s} } }` },
  AuditEventEdge: { root: 'Query.auditEvents', document: (s) => `{ auditEvents { edges { ${s} } } }` },
  AuditEvent: { root: 'Query.auditEvents', document: (s) => `{ auditEvents(first: 1) { edges { node { ${s} } } } }` },
  // All nodes have one, whatever they are.
  'AuditEvent.id': { root: 'Query.node', document: (s, { spareId }) => `{ node(id: "${spareId}") { ${s} } }` },
  PageInfo: { root: 'Query.tokens', document: (s) => `{ tokens { pageInfo { ${s} } } }` },
};

/** Arguments of the root fields that need some. */
const ROOT_ARGUMENTS: Record<string, (cast: Cast) => string> = {
  createUser: ({ fresh }) => `(input: { username: "${fresh}", password: "${PASSWORD}" })`,
  obtainAuthToken: ({ owner }) => `(input: { username: "${owner}", password: "${PASSWORD}" })`,
  obtainTokenPair: ({ owner }) => `(input: { username: "${owner}", password: "${PASSWORD}" })`,
  refreshTokenPair: ({ refresh }) => `(refresh: "${refresh}")`,
  revokeTokenPair: ({ refresh }) => `(refresh: "${refresh}")`,
  verifyToken: ({ refresh }) => `(token: "${refresh}")`,
  signIn: ({ owner }) => `(input: { username: "${owner}", password: "${PASSWORD}" })`,
  revokeToken: ({ spareId }) => `(id: "${spareId}")`,
  requiredScopes: () => '(document: "{ me { id } }")',
  createToken: ({ fresh }) => `(input: { name: "${fresh}" })`,
  rotateToken: ({ spareId }) => `(input: { id: "${spareId}" })`,
  node: ({ spareId }) => `(id: "${spareId}")`,
};

/** As `request`, of a subscription: the first event after the caller has made a token. */
async function subscribe(document: string, asked: { key?: string }, userId: string, to: typeof world.endpoint) {
  const response = await to.fetch('http://tessera.test/graphql', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...(asked.key && { authorization: `Token ${asked.key}` }),
    },
    body: JSON.stringify({ query: document }),
  });
  if (response.status === 200) await database.token.create({ data: { userId, kind: 'API', name: 'told of' } });
  let text = '';
  for await (const part of response.body ?? []) {
    text += Buffer.from(part).toString();
    if (text.includes('data: {')) break;
  }
  const body = JSON.parse(/^data: ({.*})$/m.exec(text)?.[1] ?? 'null');
  return { status: response.status, headers: response.headers, body };
}

/** What a browser sends from a page of the server's own. */
const BROWSER = { origin: 'http://localhost:4000', 'x-tessera-csrf': '1' };

/** What this operation, which goes through that root field, is answered. */
function ask(root: Row, document: string, asked: { key?: string }, userId: string, to: typeof world.endpoint) {
  if (root.type === 'Subscription') return subscribe(document, asked, userId, to);
  return request(document, { ...asked, headers: BROWSER }, to);
}

const isRoot = ({ type }: Row) => ['Query', 'Mutation', 'Subscription'].includes(type);

function selectionOf({ type, field }: Row): string {
  const isLeaf = /^\[*\w*(String|Int|Boolean|ID|DateTime|Kind)\b/.test(String(fieldOf(type, field).type));
  return isLeaf ? `probe: ${field}` : `probe: ${field} { __typename }`;
}

function fieldOf(type: string, field: string) {
  const found = (schema.getType(type) as ReturnType<typeof schema.getQueryType>)?.getFields()[field];
  if (!found) throw new Error(`The schema has no ${type}.${field}.`);
  return found;
}

function rootSelection(row: Row, cast: Cast): string {
  return `probe: ${row.field}${ROOT_ARGUMENTS[row.field]?.(cast) ?? ''} { __typename }`;
}

/** An operation that comes to this field, and the row of the root field that it goes through. */
function operationFor(row: Row, cast: Cast): { document: string; root: Row; isNarrow: boolean } {
  if (isRoot(row)) {
    return { document: `${row.type.toLowerCase()} { ${rootSelection(row, cast)} }`, root: row, isNarrow: false };
  }
  const way = WAYS[`${row.type}.${row.field}`] ?? WAYS[row.type];
  if (!way) throw new Error(`Nobody has said how one comes to a ${row.type}: it needs its line in WAYS.`);
  const { root, document, isNarrow = false } = way;
  return { document: document(selectionOf(row), cast), root: rowOf(root), isNarrow };
}

const isStaff = (standing: Standing) => standing === 'staff' || standing === 'superuser';

function isOpenTo(rule: string, standing: Standing, registration: Registration): boolean {
  if (rule === 'public') return true;
  if (rule === 'public where registration is open, else staff') return registration === 'open' || isStaff(standing);
  // Those who log in are shown what is their own.
  if (rule === 'own or staff') return true;
  if (rule === 'authenticated') return standing !== 'anonymous';
  return rule === 'superuser' ? standing === 'superuser' : isStaff(standing);
}

function refusedFor(standing: Standing) {
  return standing === 'anonymous'
    ? refused(401, 'UNAUTHENTICATED', 'Authentication credentials were not provided.')
    : refused(403, 'FORBIDDEN', 'You do not have permission to perform this action.');
}

function refused(status: number, code: string, message: string) {
  return { status, body: { errors: [{ message, extensions: { code } }] } };
}

async function makePair(user: User): Promise<string> {
  const expiresAt = new Date(world.clock.now.getTime() + 60_000);
  const asked = { rules: world.tokenRules, now: world.clock.now, origin: NOBODY };
  const pair = await issueSignIn(database, { user, kind: 'REFRESH', expiresAt }, asked);
  return refreshKeyOf({ pairId: pair?.id ?? '', refreshCount: 0 }, tokenSecrets);
}

async function castFor(caller: Caller) {
  const { user, token, spare, ...keys } = await makeCaller(caller);
  const { user: somebody } = await makeUser();
  const cast = {
    userId: user.id,
    owner: somebody.username,
    fresh: `fresh-${user.username}`,
    spareId: btoa(`Token:${spare.id}`),
    refresh: await makePair(somebody),
  };
  return { cast, user, token, ...keys };
}

const endpoints = {
  open: world.endpoint,
  closed: world.endpointWith({ REGISTRATION: 'closed' }),
};

it('reads the whole table', () => {
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.length).toBe(table.match(/^\| \w+\.\w+ \|/gm)?.length);
});

describe.each(CALLERS)('%s', (caller) => {
  it.each(REGISTRATIONS)('comes to just what the table opens to him, with registration %s', async (registration) => {
    for (const row of rows) {
      const { cast, ...keys } = await castFor(caller);
      const { document, root, isNarrow } = operationFor(row, cast);
      const key = isNarrow ? keys.narrowKey : keys.key;
      expect(stricter(root.openTo, row.asks), `${row.type}.${row.field}: WAYS must take the most open way`).toBe(
        row.openTo,
      );
      const bad = BAD_CREDENTIALS[caller];
      const standing = bad === undefined ? (caller as Standing) : 'anonymous';
      const asked = key === undefined ? {} : { key };
      const reply = await ask(root, document, asked, cast.userId, endpoints[registration]);
      const outcome = { status: reply.status, body: reply.body };
      const place = `${caller}, ${row.type}.${row.field}`;
      if (bad !== undefined && !root.isWayIn) {
        expect(outcome, place).toEqual(refused(401, 'AUTHENTICATION_FAILED', bad));
      } else if (isOpenTo(row.openTo, standing, registration)) {
        expect(outcome, place).toEqual({ status: 200, body: { data: expect.anything() } });
        expect(JSON.stringify(reply.body), place).toContain('"probe":');
      } else {
        expect(outcome, place).toEqual(refusedFor(standing));
        if (standing === 'anonymous') expect(reply.headers.get('www-authenticate'), place).toBe('Token');
      }
    }
  });
});

describe('a mutation of which one part is refused', () => {
  const mutations = rows.filter(({ type }) => type === 'Mutation');

  it.each(mutations)('does nothing at all: revokeCurrentToken beside $field', async (row) => {
    for (const registration of REGISTRATIONS) {
      for (const caller of ['user', 'staff'] as const) {
        const { cast, key, token } = await castFor(caller);
        // The log-out last: what a token makes or rotates, it must outlive.
        const document = `mutation { ${rootSelection(row, cast)} revokeCurrentToken { __typename } }`;
        const { status } = await request(document, { key: key ?? '', headers: BROWSER }, endpoints[registration]);
        const isOpen = isOpenTo(row.openTo, caller, registration);
        expect(status).toBe(isOpen ? 200 : 403);
        expect(await database.token.count({ where: { id: token.id } })).toBe(isOpen ? 0 : 1);
        if (!isOpen) expect(await database.user.count({ where: { username: cast.fresh } })).toBe(0);
      }
    }
  });
});

/** Alternatives of scopes, as the API tells them. */
type Scopes = string[][];

/** What the table says that a field asks of a token: for what is the caller's own, and for what is not. */
function scopesOf({ scopes: words }: Row): { own: Scopes; others: Scopes } {
  const [, own, others] = /^(.*) if own, else (.*)$/.exec(words) ?? [];
  const always = words.replace(/ if (signed in|staff where registration is closed)$/, '');
  return { own: alternativesIn(own ?? always), others: alternativesIn(others ?? always) };
}

function alternativesIn(words: string): Scopes {
  return words === '' ? [[]] : words.split(/,? or /).map((alternative) => alternative.split(' and '));
}

function together(one: Scopes, other: Scopes): Scopes {
  return one.flatMap((a) => other.map((b) => [...new Set([...a, ...b])].sort()));
}

/** What somebody with these scopes lacks; none when nothing is lacking. */
function lackingOf(held: readonly string[], needed: Scopes): Scopes {
  const lacking = needed.map((scopes) => scopes.filter((scope) => !held.includes(scope)));
  return lacking.some((scopes) => scopes.length === 0) ? [] : lacking;
}

/** None, all but one of those that are needed, and each alternative by itself. */
function heldToTry(needed: Scopes): string[][] {
  const every = declaredScopes().map(({ name }) => name);
  const butOne = [...new Set(needed.flat())].map((scope) => every.filter((name) => name !== scope));
  return [[], ...butOne, ...needed];
}

function forWantOf(requiredScopes: Scopes) {
  const extensions = { requiredScopes, code: 'FORBIDDEN' };
  return { errors: [{ message: 'You do not have permission to perform this action.', extensions }] };
}

async function tokenWith(userId: string, scopes: string[]) {
  const name = `with ${scopes.join(' ')}`;
  return database.token.create({ data: { id: newTokenId(), userId, kind: 'API', name, scopes } });
}

/** Whether it is anything but the query that finds the viewer. */
function isNoLookUp(sql: string): boolean {
  return !/FROM "Token" t JOIN "User" u/.test(sql);
}

describe('a token with few scopes', () => {
  // As WAYS, for those who are signed in and do not prove themselves anew: past the root fields that ask for least.
  const SIGNED_IN_WAYS: typeof WAYS = {
    ...WAYS,
    User: { root: 'Query.me', document: (s) => `{ me { ${s} } }` },
    Token: { root: 'Query.currentToken', document: (s) => `{ currentToken { ${s} } }` },
  };

  it.each(rows)('comes to $type $field with those that the table names, and with no others', async (row) => {
    const way = SIGNED_IN_WAYS[row.type];
    const root = isRoot(row) ? row : rowOf(way?.root ?? '');
    const mayRegister = root.asks === 'public where registration is open, else staff';
    const { own } = scopesOf(row);
    // The spare token is what `node` is asked for.
    const isNode = row.type === 'Query' && row.field === 'node';
    const needed = isNode ? [['tokens:read']] : isRoot(row) ? own : together(scopesOf(root).own, own);
    for (const held of heldToTry(needed)) {
      const { user, cast } = await castFor(mayRegister || root.openTo === 'staff' ? 'staff' : 'user');
      const key = keyOf(await tokenWith(user.id, held), tokenSecrets);
      const document = isRoot(row)
        ? `${row.type.toLowerCase()} { ${rootSelection(row, cast)} }`
        : (way?.document(selectionOf(row), cast) ?? '');
      const endpoint = endpoints[mayRegister ? 'closed' : 'open'];
      world.queries.length = 0;
      const { status, body } = await ask(root, document, { key }, user.id, endpoint);
      const lacking = lackingOf(held, isNode ? own : needed);
      if (lacking.length > 0) {
        expect({ status, body }, held.join()).toEqual({ status: 403, body: forWantOf(lacking) });
        expect(world.queries.filter(isNoLookUp), held.join()).toEqual([]);
      } else if (lackingOf(held, needed).length === 0) {
        expect({ status, body }, held.join()).toEqual({ status: 200, body: { data: expect.anything() } });
        expect(JSON.stringify(body)).toContain('"probe":');
      }
    }
  });
});

// What stands behind the judgement of the whole operation, should that ever be passed by.
describe('the fields’ own gates', () => {
  const anyone = extendSchema(schema, parse('extend type Query { User: User Token: Token }'));

  async function contextOf(
    caller: Standing,
    scopes: string[] = ['*'],
  ): Promise<{ context: Context; viewer: Viewer | null }> {
    const { user } = await makeCaller(caller);
    const token = await tokenWith(user.id, scopes);
    const viewer = caller === 'anonymous' ? null : await findViewer(database, token.id);
    const context = {
      database,
      passwords: world.passwords,
      throttle: world.throttle,
      registrations: world.registrations,
      sender: () => NOBODY,
      tokenSecrets,
      accessTokens: world.accessTokens,
      authentication: world.config.authentication,
      log: createLog({ env: 'test', logLevel: 'silent' }),
      registration: 'closed' as const,
      tokenRules: world.tokenRules,
      queryLimits: world.config.queryLimits,
      tokenEvents: world.streams.tokenEvents,
      now: () => world.clock.now,
      credentialsMissing: () => new RequestRefused('UNAUTHENTICATED'),
      viewer,
      browser: { sessionId: () => null, setSession: () => {}, requireProof: () => {} },
      admitted: new Set<string>(),
      failure: null,
    };
    return { context, viewer };
  }

  const codesOf = (errors: readonly GraphQLError[] = []) => errors.map(({ extensions }) => extensions.code);
  const lacksIn = (errors: readonly GraphQLError[] = []) =>
    errors.map(({ extensions: { http: _, ...extensions } }) => extensions);
  const ofRows = rows.filter(({ asks }) => asks === 'own or staff');

  /** What comes of asking for this field of somebody, or of a token of his. */
  async function errorsFor(row: Row, userId: string, context: Context) {
    const user = await database.user.findUniqueOrThrow({ where: { id: userId } });
    const token = await database.token.findFirstOrThrow({ where: { userId } });
    const { errors } = await execute({
      schema: anyone,
      document: parse(`{ ${row.type} { ${selectionOf(row)} } }`),
      rootValue: { User: user, Token: token },
      contextValue: context,
    });
    return errors;
  }

  it.each(ofRows)('show $type $field to its owner and staff', async (row) => {
    const { user: other } = await makeUser();
    for (const caller of ['anonymous', 'user', 'staff', 'superuser'] as const) {
      const { context, viewer } = await contextOf(caller);
      for (const id of viewer ? [other.id, viewer.user.id] : [other.id]) {
        const isOwn = id === viewer?.user.id;
        const code = caller === 'anonymous' ? 'UNAUTHENTICATED' : 'FORBIDDEN';
        const errors = await errorsFor(row, id, context);
        expect(codesOf(errors), `${caller}, own: ${isOwn}`).toEqual(isOwn || isStaff(caller) ? [] : [code]);
      }
    }
  });

  it.each(ofRows)('ask a token for the scopes of $type $field, own and others’', async (row) => {
    const { user: other } = await makeUser();
    const { own, others } = scopesOf(row);
    for (const held of [...heldToTry(own), ...heldToTry(others)]) {
      for (const caller of ['user', 'staff', 'superuser'] as const) {
        const { context, viewer } = await contextOf(caller, held);
        const ofOwn = lackingOf(held, own);
        expect(lacksIn(await errorsFor(row, viewer?.user.id ?? '', context)), `${caller}, own: ${held}`).toEqual(
          ofOwn.length > 0 ? [{ code: 'FORBIDDEN', requiredScopes: ofOwn }] : [],
        );
        const ofOthers = isStaff(caller) ? { requiredScopes: lackingOf(held, others) } : {};
        expect(lacksIn(await errorsFor(row, other.id, context)), `${caller}, another’s: ${held}`).toEqual(
          ofOthers.requiredScopes?.length === 0 ? [] : [{ code: 'FORBIDDEN', ...ofOthers }],
        );
      }
    }
  });

  async function errorsOf(row: Row, cast: Cast, context: Context): Promise<readonly GraphQLError[]> {
    const document = parse(operationFor(row, cast).document);
    const run = row.type === 'Subscription' ? executeSubscription : execute;
    const result = await run({ schema, document, contextValue: context });
    if (!(Symbol.asyncIterator in result)) return result.errors ?? [];
    await result.return?.();
    return [];
  }

  const scopedRoots = rows.filter((row) => isRoot(row) && row.scopes !== '');

  it.each(scopedRoots)('ask a token for the scopes of $type $field', async (row) => {
    const { own: needed } = scopesOf(row);
    for (const held of heldToTry(needed)) {
      const { context } = await contextOf('staff', held);
      const { cast } = await castFor('staff');
      const errors = await errorsOf(row, cast, context);
      const lacking = lackingOf(held, needed);
      if (lacking.length > 0)
        expect(lacksIn(errors), held.join()).toEqual([{ code: 'FORBIDDEN', requiredScopes: lacking }]);
      // Which of its alternatives opens what is for the field to say.
      else if (needed.length === 1) expect(errors, held.join()).toEqual([]);
    }
  });

  it.each(rows.filter((row) => isRoot(row)))('refuse $field by themselves', async (row) => {
    for (const caller of ['anonymous', 'user', 'staff', 'superuser'] as const) {
      const { cast } = await castFor(caller);
      const { context } = await contextOf(caller);
      const errors = await errorsOf(row, cast, context);
      const code = caller === 'anonymous' ? 'UNAUTHENTICATED' : 'FORBIDDEN';
      expect(codesOf(errors), caller).toEqual(isOpenTo(row.openTo, caller, 'closed') ? [] : [code]);
    }
  });
});

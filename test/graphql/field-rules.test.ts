import { readFileSync } from 'node:fs';
import { execute, extendSchema, type GraphQLError, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { findViewer } from '../../src/accounts/viewers.ts';
import { keyOf, newTokenId } from '../../src/auth/key.ts';
import type { Viewer } from '../../src/auth/viewer.ts';
import { RequestRefused } from '../../src/errors.ts';
import type { Context } from '../../src/graphql/context.ts';
import { schema } from '../../src/graphql/schema.ts';
import { openWorld, PASSWORD } from '../world.ts';

// Every field of the committed table, asked for by every kind of caller: the outcome is what the table says.

const world = await openWorld();
const { database, makeUser, request, tokenSecrets } = world;

interface Row {
  type: string;
  field: string;
  asks: string;
  openTo: string;
  isWayIn: boolean;
}

const table = readFileSync(new URL('../../schema/field-rules.md', import.meta.url), 'utf8');
const rows: Row[] = [...table.matchAll(/^\| (\w+)\.(\w+) \| ([\w ,]*?) ?\| ([\w ,]+?)(; a way in)? \|$/gm)].map(
  ([, type = '', field = '', asks = '', openTo = '', wayIn]) => ({
    type,
    field,
    asks: asks || 'public',
    openTo,
    isWayIn: wayIn !== undefined,
  }),
);
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

/** Somebody who calls, and another token of his that he can end. */
async function makeCaller(caller: Caller) {
  const standing = { isStaff: caller === 'staff', isSuperuser: caller === 'superuser' };
  const { user, token, key } = await makeUser(undefined, standing);
  if (caller === 'inactive') await database.user.update({ where: { id: user.id }, data: { isActive: false } });
  if (caller === 'revoked') await database.token.delete({ where: { id: token.id } });
  const spare = await database.token.create({ data: { userId: user.id, kind: 'API', name: 'spare' } });
  const sent = { anonymous: undefined, 'wrong key': keyOf({ id: newTokenId() }, ['w'.repeat(32)]) };
  return { user, token, spare, key: caller in sent ? sent[caller as keyof typeof sent] : key };
}

interface Cast {
  /** Whose password is sent where a login is asked for. */
  owner: string;
  fresh: string;
  spareId: string;
}

const login = (username: string, password: string, rest: string) =>
  `mutation { obtainAuthToken(input: { username: "${username}", password: "${password}" }) { ${rest} } }`;
const create = (username: string, rest: string) =>
  `mutation { createUser(input: { username: "${username}", password: "${PASSWORD}" }) { ${rest} } }`;
const revoke = (id: string, rest: string) => `mutation { revokeToken(id: "${id}") { ${rest} } }`;

/** How one comes to an object of each type: by which root field, and by what operation. A new type needs its line. */
const WAYS: Record<string, { root: string; document: (selection: string, cast: Cast) => string }> = {
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
  TokenConnection: { root: 'Query.tokens', document: (s) => `{ tokens { ${s} } }` },
  TokenEdge: { root: 'Query.tokens', document: (s) => `{ tokens { edges { ${s} } } }` },
  PageInfo: { root: 'Query.tokens', document: (s) => `{ tokens { pageInfo { ${s} } } }` },
};

/** Arguments of the root fields that need some. */
const ROOT_ARGUMENTS: Record<string, (cast: Cast) => string> = {
  createUser: ({ fresh }) => `(input: { username: "${fresh}", password: "${PASSWORD}" })`,
  obtainAuthToken: ({ owner }) => `(input: { username: "${owner}", password: "${PASSWORD}" })`,
  revokeToken: ({ spareId }) => `(id: "${spareId}")`,
  node: ({ spareId }) => `(id: "${spareId}")`,
};

const isRoot = ({ type }: Row) => ['Query', 'Mutation', 'Subscription'].includes(type);

function selectionOf({ type, field }: Row): string {
  const isLeaf = /^\[?\w*(String|Int|Boolean|ID|DateTime|Kind)\b/.test(String(fieldOf(type, field).type));
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
function operationFor(row: Row, cast: Cast): { document: string; root: Row } {
  if (isRoot(row)) return { document: `${row.type.toLowerCase()} { ${rootSelection(row, cast)} }`, root: row };
  const way = WAYS[row.type];
  if (!way) throw new Error(`Nobody has said how one comes to a ${row.type}: it needs its line in WAYS.`);
  return { document: way.document(selectionOf(row), cast), root: rowOf(way.root) };
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

async function castFor(caller: Caller) {
  const { user, token, spare, key } = await makeCaller(caller);
  const { user: somebody } = await makeUser();
  const cast = { owner: somebody.username, fresh: `fresh-${user.username}`, spareId: btoa(`Token:${spare.id}`) };
  return { cast, key, token };
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
      const { cast, key } = await castFor(caller);
      const { document, root } = operationFor(row, cast);
      expect(stricter(root.openTo, row.asks), `${row.type}.${row.field}: WAYS must take the most open way`).toBe(
        row.openTo,
      );
      const bad = BAD_CREDENTIALS[caller];
      const standing = bad === undefined ? (caller as Standing) : 'anonymous';
      const reply = await request(document, key === undefined ? {} : { key }, endpoints[registration]);
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
        const document = `mutation { revokeCurrentToken { __typename } ${rootSelection(row, cast)} }`;
        const { status } = await request(document, { key: key ?? '' }, endpoints[registration]);
        const isOpen = isOpenTo(row.openTo, caller, registration);
        expect(status).toBe(isOpen ? 200 : 403);
        expect(await database.token.count({ where: { id: token.id } })).toBe(isOpen ? 0 : 1);
        if (!isOpen) expect(await database.user.count({ where: { username: cast.fresh } })).toBe(0);
      }
    }
  });
});

// What stands behind the judgement of the whole operation, should that ever be passed by.
describe('the fields’ own gates', () => {
  const anyone = extendSchema(schema, parse('extend type Query { anyone: User }'));

  async function contextOf(caller: Standing): Promise<{ context: Context; viewer: Viewer | null }> {
    const { token } = await makeCaller(caller);
    const viewer = caller === 'anonymous' ? null : await findViewer(database, token.id);
    const context = {
      database,
      passwords: world.passwords,
      tokenSecrets,
      registration: 'closed' as const,
      tokenRules: world.tokenRules,
      now: () => world.clock.now,
      credentialsMissing: () => new RequestRefused('UNAUTHENTICATED'),
      viewer,
      admitted: new Set<string>(),
      failure: null,
    };
    return { context, viewer };
  }

  const codesOf = (errors: readonly GraphQLError[] = []) => errors.map(({ extensions }) => extensions.code);

  it.each(rows.filter(({ asks }) => asks === 'own or staff'))('show $field to its owner and staff', async (row) => {
    const { user: other } = await makeUser();
    for (const caller of ['anonymous', 'user', 'staff', 'superuser'] as const) {
      const { context, viewer } = await contextOf(caller);
      for (const anyone_ of viewer ? [other, viewer.user] : [other]) {
        const { errors } = await execute({
          schema: anyone,
          document: parse(`{ anyone { ${selectionOf(row)} } }`),
          rootValue: { anyone: anyone_ },
          contextValue: context,
        });
        const isOwn = anyone_ === viewer?.user;
        const code = caller === 'anonymous' ? 'UNAUTHENTICATED' : 'FORBIDDEN';
        expect(codesOf(errors), `${caller}, own: ${isOwn}`).toEqual(isOwn || isStaff(caller) ? [] : [code]);
      }
    }
  });

  it.each(rows.filter((row) => isRoot(row)))('refuse $field by themselves', async (row) => {
    for (const caller of ['anonymous', 'user', 'staff', 'superuser'] as const) {
      const { cast } = await castFor(caller);
      const { context } = await contextOf(caller);
      const document = parse(operationFor(row, cast).document);
      const { errors } = await execute({ schema, document, contextValue: context });
      const code = caller === 'anonymous' ? 'UNAUTHENTICATED' : 'FORBIDDEN';
      expect(codesOf(errors), caller).toEqual(isOpenTo(row.openTo, caller, 'closed') ? [] : [code]);
    }
  });
});

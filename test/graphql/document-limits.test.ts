import fc from 'fast-check';
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  getIntrospectionQuery,
  Kind,
  Lexer,
  parse,
  type SelectionNode,
  Source,
  TokenKind,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { checkTokens } from '../../src/graphql/check-tokens.ts';
import { measureDocument } from '../../src/graphql/measure-document.ts';
import { parseDocument } from '../../src/graphql/parse-document.ts';
import { openWorld, PASSWORD } from '../world.ts';

const world = await openWorld();
const { request, makeUser } = world;
const { key, user } = await makeUser();

const PRETTY = { accept: 'application/graphql-response+json' };
const SPREAD = 'those of fragments counted wherever they are spread';

const times = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n));
const aliased = (count: number) => `{ ${times(count, (n) => `a${n}: __typename`).join(' ')} }`;
const deep = (levels: number) => `{ a${' { a'.repeat(levels - 1)}${' }'.repeat(levels - 1)} }`;
const directed = (count: number) => `{ ${'__typename @include(if: true) '.repeat(count)} }`;

async function refusalOf(query: string, env?: Record<string, string>) {
  const { status, body } = await request(query, { key, headers: PRETTY }, env && world.endpointWith(env));
  const [{ message, extensions } = { message: null, extensions: null }] = body.errors ?? [];
  return { status, message, extensions };
}

describe('a document past a limit', () => {
  it.each([
    ['depth', deep(21), `The operation nests fields 21 deep; 20 are allowed.`, 21, 20],
    ['aliases', aliased(31), `The operation has 31 aliases, ${SPREAD}; 30 are allowed.`, 31, 30],
    ['directives', directed(51), `The operation has 51 directives, ${SPREAD}; 50 are allowed.`, 51, 50],
  ])('is refused for its %s, with figure and limit', async (_what, query, message, found, limit) => {
    expect(await refusalOf(query)).toEqual({
      status: 400,
      message,
      extensions: { code: 'OPERATION_TOO_COMPLEX', found, limit },
    });
  });

  it('is refused for its tokens, comments counted, which nobody counts to the end', async () => {
    const query = `{ __typename }${' # a comment\n'.repeat(998)}`;
    expect(await refusalOf(query)).toEqual({
      status: 400,
      message: 'The document has more than 1,000 tokens, comments counted; no more are allowed.',
      extensions: { code: 'OPERATION_TOO_COMPLEX', limit: 1_000 },
    });
  });

  it('runs as long as it is at the limit', async () => {
    for (const query of [aliased(30), directed(50), `{ __typename }${' # a comment\n'.repeat(997)}`]) {
      expect(await refusalOf(query)).toEqual({ status: 200, message: null, extensions: null });
    }
    expect((await refusalOf(deep(20))).extensions).toEqual({ code: 'GRAPHQL_VALIDATION_FAILED' });
  });

  it.each([
    ['MAX_QUERY_DEPTH', '2', '{ me { tokens { totalCount } } }'],
    ['MAX_QUERY_ALIASES', '0', '{ a: __typename }'],
    ['MAX_QUERY_DIRECTIVES', '0', '{ __typename @skip(if: false) }'],
    ['MAX_QUERY_TOKENS', '2', '{ __typename }'],
    ['MAX_QUERY_VALUES', '1', '{ me { id } }'],
  ])('is one past what %s says', async (name, limit, query) => {
    expect((await refusalOf(query, { [name]: limit })).extensions).toMatchObject({
      code: 'OPERATION_TOO_COMPLEX',
      limit: Number(limit),
    });
    expect(await refusalOf(query, { [name]: String(Number(limit) + 1) })).toMatchObject({ status: 200, message: null });
  });

  it('is refused before it is validated, and before anybody is looked up', async () => {
    world.queries.length = 0;
    const hostile = aliased(31).replace('{', '{ nothing ');
    expect((await refusalOf(hostile, {})).extensions.code).toBe('OPERATION_TOO_COMPLEX');
    expect(world.queries).toEqual([]);
  });

  it('is refused where it is only asked about', async () => {
    const query = 'query($d: String!) { requiredScopes(document: $d) { public } }';
    for (const d of [aliased(31), deep(21), directed(51), `{${' a'.repeat(1_000)}}`]) {
      const { body } = await request(query, { variables: { d } });
      expect(body.errors).toMatchObject([{ extensions: { code: 'OPERATION_TOO_COMPLEX' } }]);
    }
  });

  it('is asked about beside others up to the work that the largest one would be', async () => {
    const about = (count: number) =>
      request(
        `query(${times(count, (n) => `$d${n}: String!`)}) { ${times(count, (n) => `a${n}: requiredScopes(document: $d${n}) { public }`).join(' ')} }`,
        {
          variables: Object.fromEntries(times(count, (n) => [`d${n}`, `{${' __typename'.repeat(498)} # ${n}\n}`])),
        },
      );
    expect((await about(3)).body.errors).toBeUndefined();
    expect((await about(4)).body.errors).toMatchObject([
      { message: expect.stringContaining('too large together'), extensions: { code: 'OPERATION_TOO_COMPLEX' } },
    ]);
  });
});

it('refuses a thousand logins in one mutation before any of them', async () => {
  const login = `obtainAuthToken(input: { username: "${user.username}", password: "${PASSWORD}" }) { __typename }`;
  const mutation = (count: number) => `mutation { ${times(count, (n) => `a${n}: ${login}`).join(' ')} }`;
  world.queries.length = 0;
  expect((await refusalOf(mutation(31))).extensions).toMatchObject({ found: 31 });
  expect((await refusalOf(mutation(1_000))).extensions).toEqual({ code: 'OPERATION_TOO_COMPLEX', limit: 1_000 });
  expect((await refusalOf(mutation(1_000), { MAX_QUERY_TOKENS: '100000' })).extensions).toMatchObject({ found: 1_000 });
  expect(world.queries).toEqual([]);
});

describe('fragments', () => {
  const doubling = (length: number) => {
    const links = times(length, (n) => ` fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`);
    return `{ ...F0 }${links.join('')} fragment F${length} on Query { a: __typename @skip(if: true) }`;
  };

  it('count as often as they are spread, without being gone through as often', async () => {
    expect((await refusalOf(doubling(5))).extensions).toMatchObject({ found: 32, limit: 30 });
    expect((await refusalOf(doubling(60))).message).toContain('has 1,152,920,000,000,000,000 aliases');
  });

  it('nest fields where they are spread', async () => {
    const query = `{ me { ...F } } fragment F on User { tokens { ...G } } fragment G on UserTokensConnection { totalCount }`;
    expect((await refusalOf(query, { MAX_QUERY_DEPTH: '2' })).extensions).toMatchObject({ found: 3 });
  });

  it.each([
    ['a chain', (n: number) => `F${n + 1}`, ''],
    ['a chain, read from its end', (n: number) => `F${n + 1}`, 'end'],
    ['a cycle', (n: number) => `F${(n + 1) % 10_000}`, ''],
  ])('are refused as too deep, not recursed into: %s of 10,000', async (_what, next, order) => {
    const links = times(10_000, (n) => `fragment F${n} on Query { __typename ...${next(n)} }`);
    if (order === 'end') links.reverse();
    const query = [...links, '{ ...F0 }', 'fragment F10000 on Query { __typename }'].join(' ');
    expect(() => measureDocument(parse(query))).toThrow('must not nest more than 200 levels deep');
    expect((await refusalOf(query, { MAX_QUERY_TOKENS: '100000' })).extensions).toEqual({ code: 'BAD_REQUEST' });
  });
});

describe('introspection', () => {
  it('passes as GraphiQL and code generators ask for it', async () => {
    const query = getIntrospectionQuery({
      descriptions: true,
      directiveIsRepeatable: true,
      inputValueDeprecation: true,
      oneOf: true,
      schemaDescription: true,
      specifiedByUrl: true,
    });
    expect((await request(query)).body.errors).toBeUndefined();
  });

  it.each([
    '{ a: __schema { types { name } } }',
    '{ __schema { a: types { name } } }',
    '{ __schema { ...F } } fragment F on __Schema { types { a: name } }',
    '{ __type(name: "User") { a: fields { name } } }',
  ])('takes no aliases: %s', async (query) => {
    expect(await refusalOf(query)).toMatchObject({
      message: 'Introspection takes no aliases: ask for each of its fields once.',
      extensions: { code: 'OPERATION_TOO_COMPLEX' },
    });
  });

  it('takes several types by aliases of their own', async () => {
    const { body } = await request('{ a: __type(name: "User") { name } b: __type(name: "Token") { name } }');
    expect(body).toEqual({ data: { a: { name: 'User' }, b: { name: 'Token' } } });
  });
});

describe('a field that is asked for again and again in one place', () => {
  it.each([
    ['viewer { id } ', 'viewer'],
    ['a: viewer { id } a: viewer { id } ', 'a'],
  ])('is refused past fifty times: %s', async (text, key) => {
    const times = 50 / (text.split('viewer').length - 1);
    expect(await refusalOf(`{ ${text.repeat(times + 1)} }`)).toMatchObject({
      message: `The operation asks for the field ${key} more than 50 times in one place. Ask for it once.`,
      extensions: { code: 'OPERATION_TOO_COMPLEX', limit: 50 },
    });
    if (key === 'viewer') expect((await request(`{ ${text.repeat(times)} }`)).body).toEqual({ data: { viewer: null } });
  });
});

/** What the selections come to, each fragment put in its place. */
function naive(selections: readonly SelectionNode[], fragments: Map<string, FragmentDefinitionNode>) {
  const sum = { depth: 0, aliases: 0, directives: 0 };
  for (const node of selections) {
    const fragment = node.kind === Kind.FRAGMENT_SPREAD ? fragments.get(node.name.value) : undefined;
    const set = node.kind === Kind.FRAGMENT_SPREAD ? fragment?.selectionSet : node.selectionSet;
    const below = naive(set?.selections ?? [], fragments);
    const isField = node.kind === Kind.FIELD;
    sum.depth = Math.max(sum.depth, below.depth + (isField ? 1 : 0));
    sum.aliases += below.aliases + (isField && node.alias ? 1 : 0);
    sum.directives += below.directives + (node.directives?.length ?? 0) + (fragment?.directives?.length ?? 0);
  }
  return sum;
}

describe('counting', () => {
  const { selections } = fc.letrec<{ selections: string; selection: string }>((tie) => ({
    selections: fc.array(tie('selection'), { minLength: 1, maxLength: 3 }).map((all) => `{ ${all.join(' ')} }`),
    selection: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.constantFrom('a', 'b: a', 'a @x', 'c: a @x @y', '...F1', '...F2 @x', '...F3', '...Missing'),
      tie('selections').map((below) => `a ${below}`),
      tie('selections').map((below) => `b: a @x ${below}`),
      tie('selections').map((below) => `... @x ${below}`),
    ),
  }));

  it('agrees with going through every fragment wherever it is spread', () => {
    fc.assert(
      fc.property(selections, selections, selections, (operation, first, second) => {
        // Each spreads only those behind it: a cycle could not be gone through.
        const f1 = first.replaceAll('...F1', '...F2');
        const f2 = second.replaceAll(/\.\.\.F[12]/g, '...F3');
        const text = `query @z ${operation} fragment F1 on A @x ${f1} fragment F2 on A ${f2} fragment F3 on A { b: a { a } }`;
        const document: DocumentNode = parse(text);
        const fragments = new Map(
          document.definitions.flatMap((node) =>
            node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node] as const] : [],
          ),
        );
        const each = document.definitions.map((node) => {
          if (!('selectionSet' in node)) throw new Error('There is nothing else.');
          const sum = naive(node.selectionSet.selections, fragments);
          return { ...sum, directives: sum.directives + (node.directives?.length ?? 0) };
        });
        const most = (what: 'depth' | 'aliases' | 'directives') => Math.max(...each.map((sum) => sum[what]));
        expect(measureDocument(document)).toMatchObject({
          depth: most('depth'),
          aliases: most('aliases'),
          directives: most('directives'),
        });
      }),
    );
  });

  it('finds as many tokens as the lexer of graphql-js, comments included', () => {
    const token = fc.constantFrom('a', '_b1', '{', '}', '(', ')', '[', ']', '$', '!', ':', '=', '@', '|', '&', '...');
    const value = fc.constantFrom(
      '1',
      '-2.5',
      '3e10',
      '4.5E-3',
      '""',
      '"a b"',
      '"\\"#"',
      '"""x " y"""',
      '"""\\""" #"""',
    );
    const text = fc.array(fc.oneof(token, value, fc.constant('# a "comment"\n')), { maxLength: 40 });
    fc.assert(
      fc.property(text, fc.constantFrom(' ', ' , ', '\n', '\uFEFF '), (parts, between) => {
        // Brackets alone may nest; here they are counted.
        expect(checkTokens(parts.join(between))).toBe(tokensOf(parts.join(between)));
      }),
    );
  });

  it('never lets anything be parsed that has more tokens than the lexer may read', () => {
    const part = fc.constantFrom(
      'a',
      ' ',
      ',',
      '#\n',
      '\uFEFF',
      '{a}',
      '(b:1)',
      '(b:-1.5e3)',
      '(b:"x")',
      '(b:"""y""")',
      '(b:.5)',
    );
    fc.assert(
      fc.property(
        fc.array(part).map((parts) => `{${parts.join('')}}`),
        (text) => {
          const limits = { ...world.config.queryLimits, tokens: 5 };
          expect(attempt(() => parseDocument(text, limits))).not.toMatch(/Parsing aborted/);
        },
      ),
    );
  });
});

function tokensOf(text: string): number {
  const lexer = new Lexer(new Source(text));
  let count = 0;
  for (let token = lexer.token.next ?? lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance())
    count += 1;
  for (let token = lexer.token; token.prev; token = token.prev) if (token.kind === TokenKind.COMMENT) count += 1;
  return count;
}

function attempt(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

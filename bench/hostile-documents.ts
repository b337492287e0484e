import { getIntrospectionQuery } from 'graphql';
import { inFolder, median, start, table } from './program.ts';

const ROUNDS = 15;
const MOST_MS = 50;

const times = (count: number, make: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => make(n)).join(' ');

const INNERMOST = 'name description isDeprecated deprecationReason args { name defaultValue type { name kind } }';
const TYPE = `name kind description enumValues { name } interfaces { name } possibleTypes { name kind fields { ${INNERMOST} } }
  fields { ${INNERMOST} type { name fields { ${INNERMOST} type { name ofType { name ofType { name ofType { name } } } } } } }`;

/** What may be sent by anybody, each made as dear as it can be; the number makes it another document each time. */
const HOSTILE: Record<string, (n: number) => { query: string; variables?: object }> = {
  'nothing hostile: { __typename }': () => ({ query: '{ __typename }' }),
  '1 MB of comments': (n) => ({ query: `{ __typename } ${'#\n'.repeat(320_000)} # ${n}` }),
  '1 MB of fields': (n) => ({ query: `{ ${'viewer { id } '.repeat(70_000)} a${n} }` }),
  '1 MB in one string': (n) => ({ query: `{ node(id: """${'x'.repeat(980_000)}${n}""") { id } }` }),
  '1 MB of brackets': (n) => ({ query: `${'{a'.repeat(490_000)}${n}` }),
  'a cycle of 10,000 fragments': (n) => ({
    query: `{ ...F0 } ${times(10_000, (at) => `fragment F${at} on Query { a${n} ...F${(at + 1) % 10_000} }`)}`,
  }),
  'a cycle of 120 fragments': (n) => ({
    query: `{ ...F0 } ${times(120, (at) => `fragment F${at} on Query { ...F${(at + 1) % 120} } # ${n}\n`.slice(0, -1).replace(/ # .*/, ''))} # ${n}`,
  }),
  '60 fragments that double': (n) => ({
    query: `{ ...F0 } ${times(60, (at) => `fragment F${at} on Query { ...F${at + 1} ...F${at + 1} }`)} fragment F60 on Query { a${n}: __typename }`,
  }),
  '10,000 aliases': (n) => ({ query: `{ ${times(10_000, (at) => `a${n}_${at}: __typename`)} }` }),
  '31 logins': (n) => ({
    query: `mutation { ${times(31, (at) => `a${n}_${at}: obtainAuthToken(input: { username: "a", password: "b" }) { __typename }`)} }`,
  }),
  '5,000 directives': (n) => ({ query: `{ __typename ${'@include(if: true) '.repeat(5_000)} a${n}: __typename }` }),
  '100 directives': (n) => ({ query: `{ __typename ${'@include(if: true) '.repeat(100)} a${n}: __typename }` }),
  '10,000 operations': (n) => ({ query: times(10_000, (at) => `query Q${n}_${at} { __typename }`) }),
  '190 operations': (n) => ({ query: times(190, (at) => `query Q${n}_${at} { __typename }`) }),
  '200 unknown fields and arguments': (n) => ({ query: `{ ${times(190, (at) => `viewe${n}${at}(x: 1)`)} }` }),
  'overlapping: 990 times __typename': (n) => ({ query: `{ ${'__typename '.repeat(990)} a${n}: __typename }` }),
  'overlapping: 49 times each of four fields': (n) => ({
    query: `{ ${'viewer { id } me { id } currentToken { id } scopes { name } '.repeat(49)} a${n}: __typename }`,
  }),
  'overlapping: 248 times viewer { id }': (n) => ({ query: `{ ${'viewer { id } '.repeat(248)} a${n}: __typename }` }),
  'overlapping: 160 times viewer { ...F }': (n) => ({
    query: `{ ${'viewer { ...F } '.repeat(160)} a${n}: __typename } fragment F on User { ${'id username '.repeat(60)} }`,
  }),
  'overlapping: 75 fragments, each in all others’ place': (n) => ({
    query: `{ ${times(75, (at) => `...F${at}`)} a${n}: __typename } ${times(75, (at) => `fragment F${at} on Query { viewer { id } }`)}`,
  }),
  'overlapping: 140 times ... { viewer { id } }': (n) => ({
    query: `{ ${'... { viewer { id } } '.repeat(140)} a${n}: __typename }`,
  }),
  'overlapping: nested in pairs': (n) => ({ query: `{ ${nestedInPairs(7)} a${n}: __typename }` }),
  'introspection, as GraphiQL asks it': (n) => ({ query: `${getIntrospectionQuery()} # ${n}` }),
  'introspection, each list within each': (n) => ({ query: `{ __schema { types { ${TYPE} } } } # ${n}` }),
  'introspection, the same 15 times': (n) => ({
    query: `{ ${'__schema { types { ...F } } '.repeat(15)} } fragment F on __Type { ${TYPE} } # ${n}`,
  }),
  'introspection of 30 types by alias': (n) => ({
    query: `{ ${times(30, (at) => `a${at}: __type(name: "Mutation") { ...F }`)} } fragment F on __Type { ${TYPE} } # ${n}`,
  }),
  'introspection, types of fields 10 deep': (n) => ({
    query: `{ __schema { types { ${'fields { type { '.repeat(8)} name ${'} } '.repeat(8)} } } } # ${n}`,
  }),
  'pages within pages': (n) => ({
    query: `{ ${'tokens(first: 100) { edges { node { user { '.repeat(4)} id ${'} } } } '.repeat(4)} a${n}: __typename }`,
  }),
  'a list nested 4,000 deep in variables': (n) => ({
    query: `query($a: ID!) { node(id: $a) { id } a${n}: __typename }`,
    variables: { a: nestedList(4_000) },
  }),
  '90,000 variables that nobody declared': (n) => ({
    query: `{ a${n}: __typename }`,
    variables: Object.fromEntries(Array.from({ length: 90_000 }, (_, at) => [`v${at}`, 1])),
  }),
  '3 documents asked about': (n) => ({
    query: `query($d0: String!, $d1: String!, $d2: String!) { ${times(3, (at) => `a${at}: requiredScopes(document: $d${at}) { public }`)} }`,
    variables: Object.fromEntries(
      [0, 1, 2].map((at) => [`d${at}`, `{ ${'... { viewer { id } } '.repeat(79)} a${n}${at}: __typename }`]),
    ),
  }),
};

/**
 * What one request that was made to cost much costs a server that has nothing else to do. Shape: a table of the work it
 * is, of how long the answer took, and of what the answer was.
 */
export async function hostileDocuments(): Promise<string> {
  return inFolder(async (folder) => {
    const server = await start({ DATA_DIR: folder, TOKEN_SECRETS: 's'.repeat(32) });
    const rows: (string | number)[][] = [];
    for (const [name, make] of Object.entries(HOSTILE)) {
      const taken: number[] = [];
      let outcome = '';
      let cpuFrom = 0;
      for (let round = 0; round < ROUNDS; round++) {
        // The first of a kind compiles what the others run.
        if (round === 1) cpuFrom = server.cpuMs();
        const body = JSON.stringify(make(round));
        const from = performance.now();
        const reply = await fetch(server.url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        const text = await reply.text();
        taken.push(performance.now() - from);
        outcome = /"code":"(\w+)"/.exec(text)?.[1] ?? `answered, ${text.length} bytes`;
      }
      const [, ...warm] = taken;
      const cpuMs = (server.cpuMs() - cpuFrom) / warm.length;
      rows.push([name, cpuMs.toFixed(1), median(warm).toFixed(1), Math.max(...warm).toFixed(1), outcome]);
    }
    await server.stop();
    const tooDear = rows.filter(([, cpuMs]) => Number(cpuMs) > MOST_MS).map(([name]) => name);
    if (tooDear.length > 0) process.stderr.write(`Dearer than ${MOST_MS} ms: ${tooDear.join(', ')}.\n`);
    return table(['one request', 'ms of a core', 'median ms', 'slowest ms', 'what became of it'], rows);
  });
}

function nestedInPairs(levels: number): string {
  return levels === 0
    ? 'id'
    : `node(id: 1) { ${nestedInPairs(levels - 1)} } node(id: 1) { ${nestedInPairs(levels - 1)} }`;
}

function nestedList(levels: number): unknown {
  let list: unknown = 1;
  for (let level = 0; level < levels; level++) list = [list];
  return list;
}

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from '@graphql-codegen/cli';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, describe, expect, it } from 'vitest';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { key, user } = await world.makeUser();

const folder = mkdtempSync(join(tmpdir(), 'tessera-'));
afterAll(() => rmSync(folder, { recursive: true }));

const WHO = 'query Who { viewer { ...Name } } fragment Name on User { username }';
const LIST = 'query List($first: Int) { tokens(first: $first) { totalCount } }';
const NOT_LISTED = {
  message: 'This server runs the operations of its list alone. Send the documentId of one of them, or its text.',
  extensions: { code: 'PERSISTED_QUERY_NOT_IN_LIST' },
};

let written = 0;
function fileOf(manifest: unknown): string {
  const file = join(folder, `${++written}.json`);
  writeFileSync(file, typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  return file;
}

function serverOf(manifest: unknown, env: Record<string, string> = {}) {
  return world.endpointWith({ ...env, TRUSTED_DOCUMENTS: fileOf(manifest) });
}

async function send(server: ReturnType<typeof serverOf>, body: object | string) {
  const init = { headers: { authorization: `Token ${key}`, accept: 'application/graphql-response+json' } };
  const reply = await (typeof body === 'string'
    ? server.fetch(`http://tessera.test/graphql?${body}`, init)
    : server.fetch('http://tessera.test/graphql', {
        method: 'POST',
        headers: { ...init.headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }));
  return { status: reply.status, body: await reply.json() };
}

const whoIs = { status: 200, body: { data: { viewer: { username: user.username } } } };

/** What codegen's client preset writes for these documents: the manifest, and the ids that the documents bear. */
async function generateClient(): Promise<{ manifest: Record<string, string>; ids: unknown[] }> {
  const files = await generate(
    {
      schema: 'schema/schema.graphql',
      documents: [`${WHO} ${LIST}`],
      silent: true,
      generates: {
        'made/': {
          preset: 'client',
          presetConfig: { persistedDocuments: true },
          config: { scalars: { DateTime: 'string', ID: 'string' } },
        },
      },
    },
    false,
  );
  const contentOf = (name: string): string =>
    files.find(({ filename }: { filename: string }) => filename.endsWith(name)).content;
  const ids = contentOf('graphql.ts').matchAll(/"__meta__":\{"hash":"([\w:]+)"/g);
  return { manifest: JSON.parse(contentOf('persisted-documents.json')), ids: [...ids].map(([, id]) => id) };
}

describe('trusted documents', () => {
  it('are run by the ids that codegen’s client preset gives them', async () => {
    const { manifest, ids } = await generateClient();
    expect(ids.toSorted()).toEqual(Object.keys(manifest).sort());
    const server = serverOf(manifest);
    const idOf = (name: string) =>
      Object.entries(manifest).find(([, text]) => text.includes(`query ${name}`))?.[0] ?? '';
    expect(await send(server, { documentId: idOf('Who') })).toEqual(whoIs);
    expect(
      await send(server, {
        extensions: { persistedQuery: { version: 1, sha256Hash: idOf('Who').replace('sha256:', '') } },
      }),
    ).toEqual(whoIs);
    expect(await send(server, { documentId: idOf('List'), operationName: 'List', variables: { first: 1 } })).toEqual({
      status: 200,
      body: { data: { tokens: { totalCount: 1 } } },
    });
    expect(await send(server, { query: manifest[idOf('Who')] })).toEqual(whoIs);
    expect(await send(server, `documentId=${encodeURIComponent(idOf('Who'))}`)).toEqual(whoIs);
  });

  it.each([
    ['relay-compiler', { '1a2b': WHO }, '1a2b'],
    [
      'Apollo',
      {
        format: 'apollo-persisted-query-manifest',
        version: 1,
        operations: [{ id: 'dc67', name: 'Who', type: 'query', body: WHO }],
      },
      'dc67',
    ],
  ])('are read from the manifest of %s', async (_whose, manifest, documentId) => {
    expect(await send(serverOf(manifest), { documentId })).toEqual(whoIs);
  });

  it('may be sent whole, differently spaced, but in no other words', async () => {
    const server = serverOf({ a: WHO });
    expect(await send(server, { query: `# who\n${WHO.replaceAll(' ', ',\n  ')}` })).toEqual(whoIs);
    expect(await send(server, `query=${encodeURIComponent(WHO)}`)).toEqual(whoIs);
    const other = await send(server, { query: WHO.replace('username', 'id') });
    expect(other).toEqual({ status: 400, body: { errors: [NOT_LISTED] } });
  });

  it('are all that is run, whatever else is sent', async () => {
    const server = serverOf({ a: WHO });
    const sha256Hash = createHash('sha256').update('{ me { id } }').digest('hex');
    for (const body of [
      {},
      { documentId: 'b' },
      { documentId: { a: 1 } },
      { documentId: '__proto__' },
      { documentId: 'a', query: '{ me { id } }' },
      { query: '{ me { id } }', extensions: { persistedQuery: { version: 1, sha256Hash } } },
      { extensions: { persistedQuery: null } },
      { query: '{ me' },
      { query: '"' },
      { query: getIntrospectionQuery() },
      'query={__typename}',
      'documentId=b',
    ]) {
      expect(await send(server, body)).toEqual({ status: 400, body: { errors: [NOT_LISTED] } });
    }
    const { body } = await send(server, { query: `{${' a'.repeat(1_000)}}` });
    expect(body.errors).toMatchObject([{ extensions: { code: 'OPERATION_TOO_COMPLEX' } }]);
  });

  it('are held to the rules that every operation is held to', async () => {
    const server = serverOf({ a: 'mutation { signOut { __typename } }', b: LIST });
    expect((await send(server, 'documentId=a')).status).toBe(405);
    expect((await world.request(LIST, {}, server)).body.errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED' } },
    ]);
  });

  it.each([
    ['a file that is not there', null, 'cannot be read: ENOENT'],
    ['what is no JSON', '{', 'cannot be read: '],
    ['no object', '"x"', 'must be a JSON object of documents by id'],
    ['null', 'null', 'must be a JSON object of documents by id'],
    ['other things than documents', { a: 1 }, 'must be a JSON object of documents by id'],
    ['operations without an id', { operations: [{ body: WHO }] }, 'must be a JSON object of documents by id'],
    ['nothing', {}, 'lists no operation. Make it by the build of the clients.'],
    [
      'a document that does not parse',
      { a: '{ me' },
      '"a": Syntax Error: Expected Name, found <EOF>. Make the manifest',
    ],
    ['no operation', { a: 'fragment F on User { id }' }, '"a": it has no operation. Make the manifest anew'],
    [
      'what the schema has not',
      { a: WHO, b: 'query Old { viewer { nickname } }' },
      '"b": Old: Cannot query field "nickname" on type "User". Did you mean "username"? Make the manifest anew, by ',
    ],
    [
      'a document past a limit',
      { a: `{${' a: __typename'.repeat(31)} }` },
      '"a": The operation has 31 aliases, those of fragments counted wherever they are spread; 30 are allowed. Raise the limit',
    ],
  ])('are refused at start: %s', (_what, manifest, message) => {
    const file = manifest === null ? join(folder, 'nowhere.json') : fileOf(manifest);
    expect(() => world.endpointWith({ TRUSTED_DOCUMENTS: file })).toThrow(`TRUSTED_DOCUMENTS: ${file} ${message}`);
  });
});

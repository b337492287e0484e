import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, print } from 'graphql';
import { expect, it, onTestFinished } from 'vitest';
import { newTokenId } from '../../src/auth/key.ts';
import { openWorld } from '../world.ts';
import { blocksOf } from './blocks.ts';

const require = createRequire(import.meta.url);
const compiler = require.resolve('relay-compiler/cli.js');
const world = await openWorld();

const GUIDE = 'docs/guides/clients.md';
const relayBlock = (language: string) => blocksOf(GUIDE, language).find(({ name }) => name === 'relay')?.text ?? '';

/** What the Relay compiler makes of these definitions, in a project as the guide sets it up. */
async function compile(definitions: string) {
  const project = mkdtempSync(join(tmpdir(), 'tessera-relay-'));
  onTestFinished(() => rmSync(project, { recursive: true }));
  mkdirSync(join(project, 'src'));
  cpSync('schema/schema.graphql', join(project, 'schema.graphql'));
  writeFileSync(join(project, 'relay.config.json'), relayBlock('json'));
  const tagged = parse(definitions).definitions.map((definition) => `graphql\`${print(definition)}\`;\n`);
  writeFileSync(join(project, 'src/TokenList.ts'), tagged.join(''));
  const run = promisify(execFile)(process.execPath, [compiler, '--noWatchman'], { cwd: project });
  const { code = 0, stdout, stderr } = await run.catch((error) => error);
  const artifact = (name: string) => readFileSync(join(project, `src/__generated__/${name}.graphql.ts`), 'utf8');
  return { code, said: stdout + stderr, artifact };
}

it('has the schema and the page of tokens that Relay compiles, and answers what it made of them', async () => {
  const { code, said, artifact } = await compile(relayBlock('graphql'));
  expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('Compilation completed.') });
  expect(artifact('TokenList_user')).toContain('"name": "__TokenList_tokens_connection"');

  const query = JSON.parse(/"text": (".*")/.exec(artifact('TokenListPaginationQuery'))?.[1] ?? 'null');
  const { user, key } = await world.makeUser();
  await world.database.token.create({ data: { id: newTokenId(), userId: user.id, name: 'phone' } });
  const id = (await world.request('{ me { id } }', { key })).body.data.me.id;
  const first = (await world.request(query, { key, variables: { id, count: 1 } })).body.data.node.tokens;
  const cursor = first.pageInfo.endCursor;
  const second = (await world.request(query, { key, variables: { id, count: 1, cursor } })).body.data.node.tokens;
  expect([first.pageInfo.hasNextPage, second.pageInfo.hasNextPage]).toEqual([true, false]);
  expect([...first.edges, ...second.edges].map(({ node }) => node.name).sort()).toEqual(['default', 'phone']);
});

it('has a compiler that would refuse what the schema lacks', async () => {
  const { code, said } = await compile(relayBlock('graphql').replace('lastUsedAt', 'nonsense'));
  expect({ code, said }).toEqual({
    code: 1,
    said: expect.stringContaining('The type `Token` has no field `nonsense`.'),
  });
});

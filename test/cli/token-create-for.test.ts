import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { tessera } from '../program.ts';
import { openWorld } from '../world.ts';

const { env, database, makeUser, request } = await openWorld();

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-documents-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const ME = 'query Me { me { username } }';
const TOKENS = 'query Tokens { tokens { totalCount } }';

function create(...parts: string[]) {
  return tessera(['token', 'create', ...parts], env);
}

function keyIn(stdout: string): string {
  return /^Generated token (tsr_[\w-]{43}) for user \S+\n$/.exec(stdout)?.[1] ?? '';
}

it('makes a token that may do what the operations of files need, and no more', async () => {
  const { user } = await makeUser();
  const folder = folderOf({ 'me.graphql': ME, 'tokens.graphql': TOKENS });
  const made = await create(
    user.username,
    '--name',
    'ci',
    '--for',
    `${folder}/me.*`,
    '--for',
    `${folder}/tokens.graphql`,
  );
  expect(made).toMatchObject({ code: 0, stderr: 'scopes: account:read tokens:read; expires: never\n' });
  for (const document of [ME, TOKENS]) {
    expect((await request(document, { key: keyIn(made.stdout) })).body).toEqual({ data: expect.anything() });
  }
  // It takes one value, so that the operand may stand behind it.
  const few = await create('--name', 'few', '--for', `${folder}/me.*`, user.username);
  expect((await request(TOKENS, { key: keyIn(few.stdout) })).body).toMatchObject({
    errors: [{ extensions: { code: 'FORBIDDEN', requiredScopes: [['tokens:read']] } }],
  });
});

it('takes the fewest of several that would be enough, and says so', async () => {
  const { user } = await makeUser();
  const folder = folderOf({ 'any.graphql': 'query { node(id: "x") { id } }' });
  expect(await create(user.username, '--name', 'any', '--for', folder)).toMatchObject({
    code: 0,
    stderr:
      'Enough would be account:read or audit:read or tokens:read or users:read. Taken: account:read.\n' +
      'scopes: account:read; expires: never\n',
  });
});

it('makes one without scopes for what needs none', async () => {
  const { user } = await makeUser();
  const folder = folderOf({ 'current.graphql': '{ currentToken { name scopes } }' });
  const made = await create(user.username, '--name', 'none', '--for', folder);
  expect(made).toMatchObject({ code: 0, stderr: 'scopes: none; expires: never\n' });
  expect((await request('{ currentToken { name scopes } }', { key: keyIn(made.stdout) })).body).toEqual({
    data: { currentToken: { name: 'none', scopes: [] } },
  });
});

it('makes nothing when a document is wrong, or the options do not fit', async () => {
  const { user } = await makeUser();
  const folder = folderOf({ 'wrong.graphql': '{ me { nope } }' });
  expect(await create(user.username, '--name', 'ci', '--for', folder)).toEqual({
    code: 1,
    stdout: '',
    stderr: `${folder}/wrong.graphql:1:8: Cannot query field "nope" on type "User".\n`,
  });
  expect(await create(user.username, '--for', folder)).toMatchObject({
    code: 2,
    stderr: 'error: --for is for tokens made by hand: give it a --name of its own\n',
  });
  expect(await create(user.username, '--name', 'ci', '--for', folder, '--scope', 'users:read')).toMatchObject({
    code: 2,
    stderr: "error: option '--for <files>' cannot be used with option '--scope <scope>'\n",
  });
  expect(await database.token.count({ where: { userId: user.id } })).toBe(1);
});

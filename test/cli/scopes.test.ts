import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tessera } from '../program.ts';

/** A folder with these files. */
function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-documents-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const env = { NODE_ENV: 'test' };

const DOCUMENTS = {
  'me.graphql': 'query Me {\n  me { ...Who }\n}\n\nquery Mine { me { ...Who tokens { totalCount } } }\n',
  'parts/who.graphql': 'fragment Who on User { username }\n',
  'parts/[id]/any.gql': '{ node(id: "x") { id } }\n',
  'log-in.graphql': 'mutation LogIn { obtainAuthToken(input: { username: "a", password: "b" }) { __typename } }\n',
  'notes.txt': 'Nothing of GraphQL.\n',
  'node_modules/other/theirs.graphql': '{ nothing of ours }\n',
};

describe('tessera scopes', () => {
  it('prints what each operation of a folder needs, and all together, with fragments from any file', async () => {
    const folder = folderOf(DOCUMENTS);
    expect(await tessera(['scopes', folder], env)).toEqual({
      code: 0,
      stdout: [
        `FILE${' '.repeat(folder.length + 17)}OPERATION  SCOPES`,
        `${folder}/log-in.graphql      LogIn      none`,
        `${folder}/me.graphql          Me         account:read`,
        `${folder}/me.graphql          Mine       account:read and tokens:read`,
        `${folder}/parts/[id]/any.gql  -          account:read or audit:read or tokens:read or users:read`,
        '',
        '4 operations, together: account:read and tokens:read',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  it('takes files by name and by glob, each once, and prints JSON for programs', async () => {
    const folder = folderOf(DOCUMENTS);
    const places = [`${folder}/parts/[id]/any.gql`, `${folder}/**/*.gql`, `${folder}/parts/**/*.gql`];
    const { code, stdout } = await tessera(['scopes', '--json', ...places], env);
    expect({ code, ...JSON.parse(stdout) }).toEqual({
      code: 0,
      operations: [
        {
          file: `${folder}/parts/[id]/any.gql`,
          operation: null,
          scopes: [['account:read'], ['audit:read'], ['tokens:read'], ['users:read']],
        },
      ],
      scopes: [['account:read'], ['audit:read'], ['tokens:read'], ['users:read']],
    });
  });

  it('opens no database', async () => {
    const folder = folderOf(DOCUMENTS);
    const dataDir = join(folder, 'data');
    expect(await tessera(['scopes', folder], { ...env, DATA_DIR: dataDir })).toMatchObject({ code: 0 });
    expect(existsSync(dataDir)).toBe(false);
  });

  it('says that a file with types asks for nothing', async () => {
    const folder = folderOf({
      ...DOCUMENTS,
      'schema.graphql': 'type Query { me: Int }\nextend type Query { you: Int }\n',
    });
    expect(await tessera(['scopes', `${folder}/*.graphql`, `${folder}/parts`], env)).toMatchObject({
      code: 0,
      stdout: expect.not.stringContaining('schema.graphql'),
      stderr: `${folder}/schema.graphql defines types and asks for nothing.\n`,
    });
  });

  it('asks for users:write to register somebody where registration is closed', async () => {
    const folder = folderOf({
      'new.graphql': 'mutation { createUser(input: { username: "a", password: "b" }) { __typename } }',
    });
    const togetherWith = async (REGISTRATION: string) =>
      JSON.parse((await tessera(['scopes', folder, '--json'], { ...env, REGISTRATION })).stdout).scopes;
    expect(await togetherWith('open')).toEqual([]);
    expect(await togetherWith('closed')).toEqual([['users:write']]);
  });

  it.each([
    [
      'what the schema does not know',
      'query {\n  me { nope nay }\n}',
      ':2:8: Cannot query field "nope" on type "User". (and 1 more)',
    ],
    ['what is no GraphQL', 'query {\n  me {', ':2:7: Syntax Error: Expected Name, found <EOF>.'],
    ['a fragment that stands nowhere', '{ me { ...Gone } }', ':1:11: Unknown fragment "Gone".'],
    ['a fragment that stands in two files', 'fragment Who on User { id }', ':1:1: There is a fragment named Who in '],
    ['one that nests too deep', '{ a '.repeat(201), ': The document must not nest more than 200 levels deep.'],
  ])('says in one line, with its place, %s', async (_what, text, complaint) => {
    const folder = folderOf({ 'a/who.graphql': DOCUMENTS['parts/who.graphql'], 'bad.graphql': text });
    const { code, stdout, stderr } = await tessera(['scopes', folder], env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`${folder}/bad.graphql${complaint}`);
    expect(stderr.match(/\n/g)).toHaveLength(1);
  });

  it.each([
    [
      'there is nothing of that name',
      'gone/*.graphql',
      /^No \.graphql or \.gql file matches \/.*\/gone\/\*\.graphql\.\n$/,
    ],
    ['a folder holds none', 'empty', /^\/.*\/empty holds no \.graphql or \.gql file\.\n$/],
    ['none holds an operation', 'parts', /^No operation stands in \/.*\/parts\.\n$/],
  ])('says when %s', async (_when, place, complaint) => {
    const folder = folderOf({ 'empty/notes.txt': '', 'parts/who.graphql': DOCUMENTS['parts/who.graphql'] });
    expect(await tessera(['scopes', join(folder, place)], env)).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(complaint),
    });
  });
});

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished, vi } from 'vitest';
import { recordSecrets } from '../recorder.ts';
import { databaseOfItsOwn, TOKEN_SECRET } from '../world.ts';
import { freePort, markedBlocks, playBlocks } from './printed.ts';
import { applyFiles, copyProject, start } from './project-copy.ts';

const GUIDE = 'docs/guides/extend.md';

it('is performed on a copy of the project, step by step, as it is printed', async () => {
  const folder = copyProject();
  expect(applyFiles(GUIDE, folder)).toBeGreaterThan(8);
  const { PATH = '', HOME = '' } = process.env;
  const own = await databaseOfItsOwn();
  onTestFinished(own.drop);
  const PORT = await freePort(4000);
  const env = { PATH, HOME, PORT, TOKEN_SECRETS: TOKEN_SECRET, ...own.env };

  const commands = markedBlocks(GUIDE, 'extend').map(({ text }) => text);
  const options = { cwd: folder, env, maxBuffer: 10_000_000 };
  const { stdout } = await promisify(execFile)('bash', ['-eu', '-c', commands.join('\n')], options).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`);
  });
  expect(stdout).toContain('notes:read');
  const rules = readFileSync(join(folder, 'schema/field-rules.md'), 'utf8');
  expect(rules).toMatch(/^\| Query\.notes \|.*notes:read/m);
  expect(readFileSync(join(folder, 'schema/schema.graphql'), 'utf8')).toMatch(
    /notes\([^)]*\)[^@]*@authenticated @requiresScopes\(scopes: \[\["notes:read"\]\]\)/,
  );

  const server = await start(folder, env);
  const { answers, shown } = await playBlocks(markedBlocks(GUIDE, 'play'), env, ['4000', PORT], folder);
  expect(shown).toEqual(answers.join('\n').split('\n'));
  recordSecrets(shown);
  const created = /\(backup\): token event.*"CREATED"/g;
  const isTold = (times: number) =>
    vi.waitFor(() => expect(server.output().match(created)).toHaveLength(times), { timeout: 10_000 });
  await isTold(1);
  // The next night.
  const again = await promisify(execFile)('npx', ['tessera', 'note-key', 'ada'], options);
  recordSecrets(again.stdout);
  expect(again.stdout).toMatch(/^tsr_[\w-]{43}\n$/);
  await isTold(2);
  server.child.kill('SIGTERM');
  await server.finished;
}, 180_000);

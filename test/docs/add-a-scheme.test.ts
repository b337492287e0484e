import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { databaseOfItsOwn, TOKEN_SECRET } from '../world.ts';
import { freePort, markedBlocks, playBlocks } from './printed.ts';
import { applyFiles, copyProject, start } from './project-copy.ts';

const GUIDE = 'docs/guides/add-a-scheme.md';

it('is performed on a copy of the project, which compiles and runs with the scheme', async () => {
  const folder = copyProject();
  expect(applyFiles(GUIDE, folder)).toBe(4);
  const { PATH = '', HOME = '' } = process.env;
  const own = await databaseOfItsOwn();
  onTestFinished(own.drop);
  const PORT = await freePort(4000);
  const env = { PATH, HOME, PORT, AUTHENTICATION: 'hmac,token', TOKEN_SECRETS: TOKEN_SECRET, ...own.env };
  const commands = markedBlocks(GUIDE, 'scheme').map(({ text }) => text);
  const options = { cwd: folder, env, maxBuffer: 10_000_000 };
  await promisify(execFile)('bash', ['-eu', '-c', commands.join('\n')], options).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`);
  });
  const server = await start(folder, env);
  const { answers, shown } = await playBlocks(markedBlocks(GUIDE, 'play'), env, ['4000', PORT], folder);
  expect(shown).toEqual(answers.join('\n').split('\n'));
  server.child.kill('SIGTERM');
  await server.finished;
}, 180_000);

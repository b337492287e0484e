import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { databaseOfItsOwn, TOKEN_SECRET } from '../world.ts';
import { freePort, markedBlocks, playBlocks } from './printed.ts';
import { applyFiles, copyProject, start } from './project-copy.ts';

const GUIDE = 'docs/guides/add-a-scheme.md';

it('is performed on a copy of the project, and lets in who has signed the time, and nobody else', async () => {
  const folder = copyProject();
  expect(applyFiles(GUIDE, folder)).toBe(11);
  const { PATH = '', HOME = '' } = process.env;
  const own = await databaseOfItsOwn();
  onTestFinished(own.drop);
  const PORT = await freePort(4000);
  const env = { PATH, HOME, PORT, TOKEN_SECRETS: TOKEN_SECRET, AUTHENTICATION: 'token,hmac', ...own.env };
  const commands = markedBlocks(GUIDE, 'scheme').map(({ text }) => text);
  await promisify(execFile)('bash', ['-eu', '-c', commands.join('\n')], { cwd: folder, env }).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`);
  });
  await start(folder, env);
  const { answers, shown } = await playBlocks(markedBlocks(GUIDE, 'play'), env, ['4000', PORT], folder);
  expect(shown).toEqual(answers.join('\n').split('\n'));

  const now = Math.floor(Date.now() / 1000);
  async function ask(authorization: string, headers: Record<string, string> = {}) {
    const response = await fetch(`http://127.0.0.1:${PORT}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization, ...headers },
      body: '{ "query": "{ me { username } }" }',
    });
    return {
      status: response.status,
      challenge: response.headers.get('www-authenticate'),
      body: await response.json(),
    };
  }
  const good = signed('reports', now);
  const known = { status: 200, challenge: null, body: { data: { me: { username: 'reports' } } } };
  expect(await ask(good)).toEqual(known);
  expect(await ask(good.replace('HMAC ', 'hmac \t '))).toEqual(known);
  expect(await ask(signed('reports', now - 30))).toEqual(known);

  const errors = [{ message: 'Invalid signature.', extensions: { code: 'AUTHENTICATION_FAILED' } }];
  const refused = { status: 401, challenge: 'HMAC', body: { errors } };
  const bad = [
    signed('reports', now - 120),
    signed('reports', now + 120),
    signed('nobody', now),
    signed('reports', now, 'x'.repeat(32)),
    good.replace('reports', 'report5'),
    good.replace(String(now), String(now - 1)),
    `${good} x`,
    `${good}x`,
    'HMAC',
    'HMAC reports',
    'HMAC ::',
  ];
  for (const header of bad) expect([header, await ask(header)]).toEqual([header, refused]);
  expect(await ask(good, { 'x-forwarded-proto': 'http' })).toEqual(refused);
}, 180_000);

function signed(username: string, seconds: number, secret = TOKEN_SECRET): string {
  const key = hmac(secret, `acme service v1:${username}`);
  return `HMAC ${username}:${seconds}:${hmac(key, String(seconds))}`;
}

function hmac(key: string, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}

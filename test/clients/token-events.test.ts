import { afterAll, expect, it, onTestFinished } from 'vitest';
import { startServer, tessera } from '../program.ts';
import { databaseOfItsOwn, PASSWORD } from '../world.ts';
import type { Session } from './session.ts';
import { followTokens } from './token-events.ts';

const own = await databaseOfItsOwn();
afterAll(own.drop);
const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: 't'.repeat(32) };
await tessera(['user', 'create', 'ada', '--password-stdin'], env, PASSWORD);

async function newKey(name: string): Promise<string> {
  const { stdout } = await tessera(['token', 'create', 'ada', '--name', name], env);
  return /tsr_\S+/.exec(stdout)?.[0] ?? '';
}

/** Listens as the guide does, and notes what it meets. */
function follow(url: string, session: Session) {
  const met: unknown[] = [];
  const enough = new AbortController();
  onTestFinished(() => enough.abort());
  const listener = {
    begin: () => met.push('begun'),
    hear: ({ kind, name }: { kind: string; name: string }) => met.push(`${kind} ${name}`),
  };
  return { met, enough, over: followTokens(url, session, listener, enough.signal) };
}

it('hears what happens, begins anew when the server was away, and ends with its key', async () => {
  const session: Session = { key: await newKey('web') };
  const first = await startServer(env);
  const { met, over } = follow(first.url, session);
  await expect.poll(() => met).toEqual(['begun']);
  await newKey('phone');
  await expect.poll(() => met).toEqual(['begun', 'CREATED phone']);

  first.child.kill('SIGTERM');
  await first.finished;
  await startServer({ ...env, PORT: new URL(first.url).port });
  await expect.poll(() => met, { timeout: 20_000 }).toEqual(['begun', 'CREATED phone', 'begun']);

  await tessera(['token', 'revoke', '--user', 'ada', '--name', 'web'], env);
  expect(await over).toBe('AUTHENTICATION_FAILED');
  expect(session.key).toBe(null);
}, 60_000);

it('does not begin with a dead key, nor go on when it is enough', async () => {
  const server = await startServer(env);
  const dead: Session = { key: 'tsr_dead' };
  const refused = follow(server.url, dead);
  expect([await refused.over, refused.met, dead.key]).toEqual(['AUTHENTICATION_FAILED', [], null]);

  const { met, enough, over } = follow(server.url, { key: await newKey('tablet') });
  await expect.poll(() => met).toEqual(['begun']);
  enough.abort();
  expect(await over).toBe(null);
});

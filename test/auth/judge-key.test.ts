import { expect, it } from 'vitest';
import { judgeKey, judgeSessionKey } from '../../src/auth/judge-key.ts';
import { type KeyReading, keyOf, newTokenId, SESSION_USE, type TokenSecrets } from '../../src/auth/key.ts';
import { recordSecret } from '../recorder.ts';

const SECRETS: TokenSecrets = ['s'.repeat(32)];
const NONE = { lifetimeSeconds: null, idleLifetimeSeconds: null };

function judging() {
  const proved = new Map<string, KeyReading>();
  const options = {
    secrets: SECRETS,
    findViewer: () => null,
    lifetimes: { LOGIN: NONE, SESSION: NONE },
    proved,
    now: () => new Date(),
  };
  return { proved, options };
}

it('remembers the keys that it has proved, and no others', async () => {
  const { proved, options } = judging();
  const key = keyOf({ id: newTokenId() }, SECRETS);
  const foreign = keyOf({ id: newTokenId() }, ['f'.repeat(32)]);
  for (const each of [key, foreign]) recordSecret(each);
  for (const sent of [key, foreign, `${key.slice(0, -3)}AAA`, 'tsr_', 'x', key]) await judgeKey(sent, options);
  expect([...proved.keys()]).toEqual([key]);
});

it('takes a key that was proved for one use as nothing for another', async () => {
  const { proved, options } = judging();
  const cookie = keyOf({ id: newTokenId() }, SECRETS, SESSION_USE);
  recordSecret(cookie);
  expect(await judgeSessionKey(cookie, options)).toMatchObject({ reason: 'no-such-token' });
  expect(proved.has(cookie)).toBe(true);
  expect(await judgeKey(cookie, options)).toEqual({ isAccepted: false, reason: 'prefix' });
});

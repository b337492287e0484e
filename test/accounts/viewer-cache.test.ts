import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createViewerCache } from '../../src/accounts/viewer-cache.ts';
import { keyOf, newTokenId } from '../../src/auth/key.ts';
import type { TokenViewer } from '../../src/auth/viewer.ts';
import { type Change, createAudience } from '../../src/database/changes.ts';
import type { Promptly } from '../../src/promptly.ts';
import { openWorld } from '../world.ts';

const world = await openWorld();
const { database, makeUser, endpointWith, queries } = world;
const ME = '{ me { username } }';

/** How often a key's owner was looked up while this was done. */
async function lookUpsOf(work: () => Promise<unknown>): Promise<number> {
  // A reply that waits for nothing is made before the last statement's notice has come back.
  await world.changes.settle();
  const before = queries.length;
  await work();
  return queries.slice(before).filter((sql) => sql.includes('FROM "Token" t JOIN "User" u')).length;
}

async function statementsOf(work: () => Promise<unknown>): Promise<number> {
  await world.changes.settle();
  const before = queries.length;
  await work();
  return queries.length - before;
}

async function statusOf(key: string, to = world.endpoint): Promise<number> {
  return (await world.request(ME, { key }, to)).status;
}

describe('a key', () => {
  it('costs one query at its first use, and none from then on', async () => {
    const { user, key } = await makeUser();
    const reply = { status: 200, body: { data: { me: { username: user.username } } } };
    expect(await statementsOf(async () => expect(await world.request(ME, { key })).toMatchObject(reply))).toBe(1);
    expect(await statementsOf(async () => expect(await world.request(ME, { key })).toMatchObject(reply))).toBe(0);
  });

  it('costs one query when its first uses come at once', async () => {
    const { key } = await makeUser();
    const asking = () => Promise.all(Array.from({ length: 20 }, () => statusOf(key)));
    expect(await statementsOf(async () => expect(await asking()).toEqual(Array(20).fill(200)))).toBe(1);
  });

  it('that is forged touches neither the database nor what is kept', async () => {
    const { token, key } = await makeUser();
    const small = endpointWith({ VIEWER_CACHE_SIZE: '1' });
    await statusOf(key, small);
    const forged = [
      keyOf({ id: newTokenId() }, ['f'.repeat(32)]),
      keyOf(token, ['f'.repeat(32)]),
      `${key.slice(0, -1)}_`,
    ];
    await statementsOf(async () => {
      for (const wrong of forged) expect(await statusOf(wrong, small)).toBe(401);
    }).then((statements) => expect(statements).toBe(0));
    expect(await statementsOf(() => statusOf(key, small))).toBe(0);
  });

  it('that is good for no token is looked up each time, and nothing is put out for it', async () => {
    const { key } = await makeUser();
    const small = endpointWith({ VIEWER_CACHE_SIZE: '1' });
    await statusOf(key, small);
    const gone = keyOf({ id: newTokenId() }, world.tokenSecrets);
    expect(await lookUpsOf(async () => [await statusOf(gone, small), await statusOf(gone, small)])).toBe(2);
    expect(await lookUpsOf(() => statusOf(key, small))).toBe(0);
  });
});

describe('what is kept', () => {
  it('is no more than VIEWER_CACHE_SIZE: the key that was used longest ago is looked up again', async () => {
    const keys = [await makeUser(), await makeUser(), await makeUser()].map(({ key }) => key);
    const [first = '', second = '', third = ''] = keys;
    const two = endpointWith({ VIEWER_CACHE_SIZE: '2' });
    for (const key of [first, second, first, third]) await statusOf(key, two);
    expect(await lookUpsOf(() => statusOf(first, two))).toBe(0);
    expect(await lookUpsOf(() => statusOf(second, two))).toBe(1);
  });

  it('is nothing when VIEWER_CACHE_SIZE is 0', async () => {
    const { key } = await makeUser();
    const none = endpointWith({ VIEWER_CACHE_SIZE: '0' });
    for (const _ of [1, 2]) expect(await lookUpsOf(() => statusOf(key, none))).toBe(1);
  });

  it('is looked up again when it looks expired: the token may have been used through another node', async () => {
    const { token, key } = await makeUser();
    const idle = endpointWith({ TOKEN_IDLE_LIFETIME: '30d', TOKEN_LIFETIME: 'none' });
    expect(await statusOf(key, idle)).toBe(200);
    const days = (count: number) => new Date(Date.now() + count * 86_400_000);
    world.clock.now = days(31);
    expect(await lookUpsOf(async () => expect(await statusOf(key, idle)).toBe(401))).toBe(1);
    await database.token.update({ where: { id: token.id }, data: { lastUsedAt: days(30) } });
    expect(await lookUpsOf(async () => expect(await statusOf(key, idle)).toBe(200))).toBe(1);
    expect(await lookUpsOf(async () => expect(await statusOf(key, idle)).toBe(200))).toBe(0);
    world.clock.now = new Date();
  });

  it('outlives the notices of what concerns others, and no change of its own', async () => {
    const { user, key } = await makeUser();
    const { user: other, key: otherKey } = await makeUser();
    for (const each of [key, otherKey]) await statusOf(each);
    await database.user.update({ where: { id: other.id }, data: { email: 'new@example.org' } });
    expect(await lookUpsOf(() => statusOf(key))).toBe(0);
    expect(await lookUpsOf(() => statusOf(otherKey))).toBe(1);
    await database.token.create({ data: { userId: user.id, name: 'another', kind: 'API' } });
    expect(await lookUpsOf(() => statusOf(key))).toBe(0);
  });
});

// The orders in which look-ups read and answer, changes are made and told, and lines break, in the hands of fast-check.
describe('whatever comes first', () => {
  const steps = [
    'ask',
    'ask anew',
    'read',
    'answer',
    'change',
    'tell',
    'settle',
    'cut',
    'open',
    'stall',
    'prove',
  ] as const;
  type Step = (typeof steps)[number];

  it('nobody is given what was true before a change that had been told, or answered, when he asked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...steps), { minLength: 4, maxLength: 50 }), async (taken) => {
        const audience = createAudience();
        let line: 'good' | 'stalled' | 'opened' | 'cut' = 'good';
        let version = 0;
        /** What nobody who asks from now on may be behind. */
        let least = 0;
        const reads: { seen: number | null; answer(viewer: TokenViewer): void }[] = [];
        const cache = createViewerCache({
          lookUp: () => new Promise((answer) => reads.push({ seen: null, answer })),
          isExpired: () => false,
          changes: {
            areHeard: () => line === 'good',
            subscribe: audience.subscribe,
            settle: async () => {},
            close: async () => {},
          },
          size: 10,
        });
        const asked: Promise<void>[] = [];
        function ask(find: (tokenId: string) => Promptly<TokenViewer | null>): void {
          const expected = line === 'good' ? least : version;
          asked.push(
            Promise.resolve(find('t')).then((viewer) =>
              expect(Number(viewer?.user.username)).toBeGreaterThanOrEqual(expected),
            ),
          );
        }
        function tell(change: Change): void {
          least = version;
          audience.tell(change);
        }
        const acts: Record<Step, () => void> = {
          ask: () => ask(cache.find),
          'ask anew': () => ask(cache.findAnew),
          read() {
            const next = reads.find(({ seen }) => seen === null);
            if (next) next.seen = version;
          },
          answer() {
            const at = reads.findLastIndex(({ seen }) => seen !== null);
            const [done] = at < 0 ? [] : reads.splice(at, 1);
            done?.answer(viewerOf(done.seen ?? 0));
          },
          change() {
            version += 1;
          },
          tell() {
            if (line === 'good') tell(version % 2 ? OF_TOKEN : OF_USER);
          },
          settle() {
            // Where no line has been proved there is nothing to wait for, and the mutation is answered.
            if (line === 'good') tell(OF_TOKEN);
            else if (line !== 'stalled') least = version;
          },
          cut() {
            line = 'cut';
          },
          open() {
            if (line !== 'cut') return;
            line = 'opened';
            tell({ table: null });
          },
          stall() {
            if (line === 'good') line = 'stalled';
          },
          prove() {
            // By a stalled line all comes in, and then its proof; by a new one, perhaps what was sent long before.
            if (line === 'stalled') tell(OF_TOKEN);
            if (line !== 'cut') line = 'good';
          },
        };
        for (const step of taken) {
          acts[step]();
          for (let turn = 0; turn < 5; turn++) await Promise.resolve();
        }
        while (reads.length > 0) {
          acts.read();
          acts.answer();
        }
        await Promise.all(asked);
      }),
      { numRuns: 1_000, examples: [[RARE]] },
    );
  });

  // Begun on a line that nothing had proved yet, and answered when something had.
  const RARE: Step[] = ['cut', 'open', 'ask anew', 'read', 'change', 'settle', 'prove', 'answer', 'ask'];
  const OF_TOKEN = { table: 'Token', operation: 'UPDATE', id: 't' } as Change;
  const OF_USER: Change = { table: 'User', operation: 'UPDATE', id: 'u' };

  function viewerOf(version: number): TokenViewer {
    return { user: { id: 'u', username: String(version) }, token: { id: 't', userId: 'u' } } as TokenViewer;
  }
});

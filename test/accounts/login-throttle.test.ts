import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { InvalidCredentialsError } from '../../src/accounts/failures.ts';
import { createLoginThrottle, type LoginAttempt } from '../../src/accounts/login-throttle.ts';
import { createThrottleCounters, pruneThrottleCounters } from '../../src/accounts/throttle-counters.ts';
import { NO_SENDER, type Sender } from '../../src/auth/sender.ts';
import { RequestRefused } from '../../src/errors.ts';
import { openWorld, TOKEN_SECRET } from '../world.ts';

const world = await openWorld();
const { database } = world;
const { DATABASE_URL: serverUrl }: Partial<Record<string, string>> = world.env;
const rules = { maxFailures: 3, maxFailuresPerAddress: 6, longestWaitSeconds: 10, forgottenAfterSeconds: 3_600 };
const throttle = createLoginThrottle(createThrottleCounters(database, [TOKEN_SECRET], rules), {
  rules,
  noteThrottled: () => {},
  noteFailed: async () => {},
});
const START = Date.parse('2026-01-01T00:00:00Z');

let made = 0;
function from(address: string): Sender {
  return { ...NO_SENDER, address };
}

/** A user and an address that nothing has been counted of. */
function somebody(): LoginAttempt {
  made++;
  return {
    username: `user${made}`,
    password: 'a guess',
    sender: from(`10.0.${made >> 8}.${made & 255}`),
    isKnown: false,
  };
}

/** What becomes of an attempt, so many seconds after the start: `right`, `wrong`, or for how long it must wait. */
async function tryAt(seconds: number, attempt: LoginAttempt, isRight = false, through = throttle) {
  const password = `${attempt.password} ${Math.random()}`;
  try {
    return await through.run({ ...attempt, password }, new Date(START + seconds * 1000), async () => {
      if (!isRight) throw new InvalidCredentialsError();
      return 'right';
    });
  } catch (error) {
    if (error instanceof InvalidCredentialsError) return 'wrong';
    if (error instanceof RequestRefused && error.code === 'THROTTLED') return error.extensions.retryAfterSeconds;
    throw error;
  }
}

async function failTimes(times: number, attempt: LoginAttempt) {
  for (let n = 0; n < times; n++) expect(await tryAt(0, attempt)).toBe('wrong');
}

/** How many sessions wait for this one to end its transaction. */
async function blockedBehind(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    'SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid',
  );
  return rows[0].waiting;
}

describe('the login throttle', () => {
  it('lets as many failures through as are free, and then makes each try wait twice as long, up to the longest', async () => {
    const he = somebody();
    await failTimes(3, he);
    const seen: unknown[] = [];
    let at = 0;
    for (const wait of [1, 2, 4, 8, 10, 10]) {
      expect(await tryAt(at, he)).toBe(wait);
      expect(await tryAt(at + wait - 0.001, he)).toBe(1);
      at += wait;
      // From another address each time: that of the first would be full, too.
      seen.push(await tryAt(at, { ...he, sender: somebody().sender }));
    }
    expect(seen).toEqual(Array(6).fill('wrong'));
  });

  it('says so in Django REST framework’s words', async () => {
    const he = somebody();
    await failTimes(3, he);
    const once = throttle.run(he, new Date(START), () => Promise.resolve());
    await expect(once).rejects.toMatchObject({
      code: 'THROTTLED',
      message: 'Request was throttled. Expected available in 1 second.',
      headers: { 'Retry-After': '1' },
      extensions: { retryAfterSeconds: 1 },
    });
    expect(await tryAt(1, he)).toBe('wrong');
    await expect(throttle.run(he, new Date(START + 1_000), () => Promise.resolve())).rejects.toThrow(
      'Request was throttled. Expected available in 2 seconds.',
    );
  });

  it('keeps the right password waiting, too, and checks nothing meanwhile', async () => {
    const he = somebody();
    await failTimes(3, he);
    expect(await tryAt(0, he, true)).toBe(1);
    expect(await tryAt(1, he, true)).toBe('right');
  });

  it('forgets a user’s failures when he gets in, and those of his address but for his own', async () => {
    const he = somebody();
    await failTimes(2, he);
    expect(await tryAt(0, he, true)).toBe('right');
    await failTimes(2, he);
    expect(await tryAt(0, he, true)).toBe('right');
    const other = { ...somebody(), sender: he.sender };
    await failTimes(2, other);
    expect(await tryAt(0, { ...somebody(), sender: he.sender })).toBe(1);
  });

  it('is not reset for an address by whoever has an account of his own', async () => {
    const attacker = somebody();
    for (let n = 0; n < 6; n++) {
      expect(await tryAt(0, { ...attacker, username: `victim${n}` })).toBe('wrong');
      if (n < 5) expect(await tryAt(0, attacker, true)).toBe('right');
    }
    expect(await tryAt(0, { ...attacker, username: 'victim7' })).toBe(1);
  });

  it('counts a username in whatever spelling, and from all addresses together', async () => {
    const he = somebody();
    for (const username of [he.username, he.username.toUpperCase(), he.username.replace('u', '\uff55')]) {
      expect(await tryAt(0, { ...somebody(), username })).toBe('wrong');
    }
    expect(await tryAt(0, { ...somebody(), username: he.username })).toBe(1);
  });

  it('counts an address whatever the username, and of IPv6 the network that a customer has', async () => {
    for (let n = 0; n < 6; n++) {
      const address = `2001:db8:1:2::${n + 1}`;
      expect(await tryAt(0, { ...somebody(), sender: from(address) })).toBe('wrong');
    }
    expect(await tryAt(0, { ...somebody(), sender: from('2001:db8:1:2:ffff::1') })).toBe(1);
    expect(await tryAt(0, { ...somebody(), sender: from('2001:db8:1:3::1') })).toBe('wrong');
  });

  it('cannot lock out whoever holds a good credential of the user, whom it counts apart', async () => {
    const he = somebody();
    await failTimes(3, he);
    const known = { ...he, sender: somebody().sender, isKnown: true };
    expect(await tryAt(0, he)).toBe(1);
    for (let n = 0; n < 3; n++) expect(await tryAt(0, known)).toBe('wrong');
    expect(await tryAt(0, known)).toBe(1);
    expect(await tryAt(1, known, true)).toBe('right');
    // What he did cleared nothing for strangers.
    expect(await tryAt(0, he)).toBe(1);
  });

  it('lets through what began before an attempt that was counted first', async () => {
    const [he, other] = [somebody(), somebody()];
    expect(await tryAt(0.5, he)).toBe('wrong');
    expect(await tryAt(0.2, { ...other, sender: he.sender })).toBe('wrong');
    expect(await tryAt(0.1, { ...other, sender: he.sender }, true)).toBe('right');
    expect(await tryAt(0, { ...other, sender: he.sender })).toBe('wrong');
  });

  it('counts nothing anywhere while one of its counters makes wait', async () => {
    const he = somebody();
    await failTimes(3, he);
    for (let n = 0; n < 20; n++) await tryAt(0, he);
    const other = { ...somebody(), sender: he.sender };
    await failTimes(3, other);
    expect(await tryAt(0, { ...somebody(), sender: he.sender })).toBe(1);
  });

  it('takes back what could not be checked', async () => {
    const he = somebody();
    for (let n = 0; n < 10; n++) {
      const refused = throttle.run({ ...he, password: `${n}` }, new Date(START), async () => {
        throw new RequestRefused('OVERLOADED');
      });
      await expect(refused).rejects.toMatchObject({ code: 'OVERLOADED' });
    }
    await failTimes(3, he);
    expect(await tryAt(0, he)).toBe(1);
  });

  it('forgets, and prunes, what was long ago', async () => {
    const [he, other] = [somebody(), somebody()];
    await failTimes(3, he);
    expect(await tryAt(3_599, other)).toBe('wrong');
    const before = await database.throttleCounter.count();
    await pruneThrottleCounters(database, rules, new Date(START + 3_600_000));
    expect(before - (await database.throttleCounter.count())).toBeGreaterThan(0);
    // The other's: username, address, and both.
    expect(await database.throttleCounter.count({ where: { countedAt: new Date(START + 3_599_000) } })).toBe(3);
    await failTimes(3, he);
    for (const wait of ['wrong', 'wrong', 'wrong', 1]) expect(await tryAt(3_600 * 2, he)).toBe(wait);
  });

  it('lets what was long between fade, as many as are free in the time after which all is forgotten', async () => {
    const he = { ...somebody(), sender: NO_SENDER };
    // Three in 3,600 seconds: one in 1,200.
    for (let n = 0; n < 10; n++) expect(await tryAt(n * 1_200, he)).toBe('wrong');
    for (const at of [11_900, 11_901, 11_902]) expect(await tryAt(at, he)).toBe('wrong');
    expect(await tryAt(11_902.5, he)).toBe(1);
  });

  it('keeps neither usernames nor addresses', async () => {
    const he = { ...somebody(), username: 'my-password-by-mistake' };
    await failTimes(1, he);
    const rows = await database.$queryRaw<object[]>`SELECT * FROM "ThrottleCounter"`;
    const text = JSON.stringify(
      rows.map((row) => Object.values(row).map((value) => (value instanceof Uint8Array ? [...value] : value))),
    );
    expect(text).not.toContain('my-password');
    expect(rows.every((row) => (row as { key: Uint8Array }).key.length === 32)).toBe(true);
  });

  it('lets no more of a burst through than are free, on two nodes', async () => {
    const other = createLoginThrottle(createThrottleCounters(database, [TOKEN_SECRET], rules), {
      rules,
      noteThrottled: () => {},
      noteFailed: async () => {},
    });
    for (let round = 0; round < 5; round++) {
      const he = somebody();
      const all = await Promise.all(
        Array.from({ length: 40 }, (_, n) => tryAt(0, { ...he, password: `${n}` }, false, n % 2 ? throttle : other)),
      );
      expect(all.filter((outcome) => outcome === 'wrong')).toHaveLength(3);
      expect(all.filter((outcome) => outcome === 1)).toHaveLength(37);
    }
  });

  // Only a server has a second session, in which somebody else can be in the middle of his write.
  it.skipIf(!serverUrl)('counts attempts that all began before the first was counted', async () => {
    const counters = createThrottleCounters(database, [TOKEN_SECRET], rules);
    const he = somebody();
    const { key } = counters.counter(['login', he.username], rules.maxFailures);
    const other = new pg.Client({ connectionString: serverUrl });
    await other.connect();
    await other.query('BEGIN');
    await other.query(`INSERT INTO "ThrottleCounter" VALUES ($1, 1, now(), now())`, [key]);
    const addresses = Array.from({ length: 8 }, () => somebody().sender.address as string);
    const asked = Promise.all(addresses.map((address) => tryAt(0, { ...he, sender: from(address) })));
    while ((await blockedBehind(other)) < from.length) await sleep(5);
    await other.query('ROLLBACK');
    await other.end();
    expect((await asked).filter((outcome) => outcome === 'wrong')).toHaveLength(3);
    // Whoever was refused there is counted nowhere.
    const keys = addresses.map((address) => new Uint8Array(counters.counter(['logins from', address], 1).key));
    const counted = await database.throttleCounter.findMany({ where: { key: { in: keys } } });
    expect(counted.reduce((sum, { attempts }) => sum + attempts, 0)).toBe(3);
  });

  it('checks the very same once, however often it is asked at once, and counts it once', async () => {
    const he = somebody();
    let checks = 0;
    async function check() {
      checks++;
      throw new InvalidCredentialsError();
    }
    const asked = Array.from({ length: 50 }, () => throttle.run(he, new Date(START), check));
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(checks).toBe(1);
    await failTimes(2, he);
    expect(await tryAt(0, he)).toBe(1);
  });

  it('does as a plain model says, whatever comes in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ isRight: fc.boolean(), later: fc.integer({ min: 0, max: 12 }) }), { maxLength: 20 }),
        async (steps) => {
          const he = { ...somebody(), sender: NO_SENDER };
          let [at, failures, freeAt] = [0, 0, 0];
          for (const { isRight, later } of steps) {
            at += later;
            const expected = at < freeAt ? freeAt - at : isRight ? 'right' : 'wrong';
            expect(await tryAt(at, he, isRight)).toBe(expected);
            if (expected === 'right') [failures, freeAt] = [0, 0];
            if (expected !== 'wrong') continue;
            failures++;
            freeAt = failures < 3 ? at : at + Math.min(2 ** (failures - 3), 10);
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Passwords } from '../../src/auth/password.ts';
import { queuedPasswords } from '../../src/auth/queued-passwords.ts';

/** Passwords whose work ends when the test says so. */
function slowPasswords() {
  const underWay: { finish(): void; fail(error: Error): void }[] = [];
  let most = 0;
  function work<Result>(result: Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      underWay.push({ finish: () => resolve(result), fail: reject });
      most = Math.max(most, underWay.length);
    });
  }
  const passwords: Passwords = {
    hash: (password) => work(`hash of ${password}`),
    verify: (password) => work(password === 'right'),
    needsRehash: () => false,
    noteProof: () => {},
  };
  /** Ends the work that was begun first, and lets what follows begin. */
  async function next(how: 'finish' | 'fail' = 'finish'): Promise<void> {
    const first = underWay.shift();
    if (how === 'finish') first?.finish();
    else first?.fail(new Error('bcrypt failed'));
    await new Promise(setImmediate);
  }
  return { passwords, underWay, next, most: () => most };
}

const overloaded = (retryAfter: string) => ({
  code: 'OVERLOADED',
  message: 'Too many passwords are being checked. Try again in a moment.',
  headers: { 'Retry-After': retryAfter },
});

describe('passwords in a queue', () => {
  it('are worked on so many at once, in the order in which they came, and refused when too many wait', async () => {
    const { passwords, underWay, next, most } = slowPasswords();
    const queued = queuedPasswords(passwords, { atOnce: 2, waiting: 3 });
    const done: string[] = [];
    const asked = ['a', 'b', 'c', 'd', 'e'].map((name) => queued.hash(name).then((hash) => done.push(hash)));
    await new Promise(setImmediate);
    expect(underWay).toHaveLength(2);
    await expect(queued.verify('right', null)).rejects.toMatchObject(overloaded('1'));
    await expect(queued.hash('f')).rejects.toMatchObject(overloaded('1'));
    await next();
    const late = queued.verify('right', null);
    for (let n = 0; n < 5; n++) await next();
    await Promise.all(asked);
    expect(await late).toBe(true);
    expect(done).toEqual(['a', 'b', 'c', 'd', 'e'].map((name) => `hash of ${name}`));
    expect(most()).toBe(2);
  });

  it('make room whatever came of the work', async () => {
    const { passwords, next } = slowPasswords();
    const queued = queuedPasswords(passwords, { atOnce: 1, waiting: 0 });
    const failed = queued.verify('right', null);
    await new Promise(setImmediate);
    await expect(queued.verify('right', null)).rejects.toMatchObject({ code: 'OVERLOADED' });
    const rejection = expect(failed).rejects.toThrow('bcrypt failed');
    await next('fail');
    await rejection;
    const then = queued.verify('wrong', null);
    await new Promise(setImmediate);
    await next();
    expect(await then).toBe(false);
  });

  it('never exceed either bound, and answer all that they have taken', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 4 }),
        fc.array(fc.constantFrom('ask', 'finish', 'fail'), { maxLength: 40 }),
        async (atOnce, waiting, steps) => {
          const { passwords, underWay, next, most } = slowPasswords();
          const queued = queuedPasswords(passwords, { atOnce, waiting });
          let taken = 0;
          let answered = 0;
          for (const step of steps) {
            if (step === 'ask') {
              const isRoom = taken - answered < atOnce + waiting;
              let isRefused = false;
              queued
                .hash('x')
                .catch(({ code }) => {
                  isRefused = code === 'OVERLOADED';
                })
                .finally(() => {
                  if (!isRefused) answered += 1;
                });
              taken += 1;
              await new Promise(setImmediate);
              if (isRefused) taken -= 1;
              expect(isRefused).toBe(!isRoom);
            } else await next(step as 'finish' | 'fail');
          }
          while (underWay.length > 0) await next();
          expect(answered).toBe(taken);
          expect(most()).toBeLessThanOrEqual(atOnce);
        },
      ),
      { numRuns: 100 },
    );
  });
});

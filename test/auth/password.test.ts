import bcrypt from 'bcrypt';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPasswords } from '../../src/auth/password.ts';

const passwords = createPasswords({ cost: 5, pepper: null });
const compare = vi.spyOn(bcrypt, 'compare');

afterEach(() => compare.mockClear());

/** The work that the comparisons so far have cost, in bcrypt rounds. */
function roundsCompared(): number {
  return compare.mock.calls.reduce((sum, [, hash]) => sum + 2 ** bcrypt.getRounds(hash as string), 0);
}

describe('a password', () => {
  it('is known again', async () => {
    const hash = await passwords.hash('correct horse');
    expect(hash).toMatch(/^\$2b\$05\$/);
    expect(await passwords.verify('correct horse', hash)).toBe(true);
    expect(await passwords.verify('correct horse ', hash)).toBe(false);
  });

  it('counts beyond the 72 bytes and the NUL at which bcrypt stops', async () => {
    const long = 'x'.repeat(100);
    expect(await passwords.verify(`${long}b`, await passwords.hash(`${long}a`))).toBe(false);
    expect(await passwords.verify('abc\0two', await passwords.hash('abc\0one'))).toBe(false);
  });

  it('opens nothing under another pepper', async () => {
    const peppered = createPasswords({ cost: 5, pepper: 'p'.repeat(32) });
    const hash = await peppered.hash('correct horse');
    expect(await peppered.verify('correct horse', hash)).toBe(true);
    expect(await passwords.verify('correct horse', hash)).toBe(false);
  });

  it.each([
    ['no account', null],
    ['an unusable hash', '!'],
    ['a hash of another make', 'pbkdf2_sha256$600000$c2FsdA$aGFzaA'],
  ])('is compared once at the configured cost for %s', async (_case, hash) => {
    expect(await passwords.verify('whatever', hash)).toBe(false);
    expect(compare).toHaveBeenCalledTimes(1);
    expect(roundsCompared()).toBe(2 ** 5);
  });

  it('is compared once at the configured cost when right and when wrong', async () => {
    const hash = await passwords.hash('correct horse');
    await passwords.verify('correct horse', hash);
    expect(roundsCompared()).toBe(2 ** 5);
    await passwords.verify('wrong', hash);
    expect(compare).toHaveBeenCalledTimes(2);
    expect(roundsCompared()).toBe(2 * 2 ** 5);
  });

  it('costs the same work when wrong under an older, cheaper hash', async () => {
    const cheap = await createPasswords({ cost: 4, pepper: null }).hash('correct horse');
    const dear = createPasswords({ cost: 7, pepper: null });
    expect(await dear.verify('wrong', cheap)).toBe(false);
    expect(roundsCompared()).toBe(2 ** 7);
    expect(dear.needsRehash(cheap)).toBe(true);
    expect(passwords.needsRehash(await passwords.hash('x'))).toBe(false);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allOf, lackingOf, type ScopeRequirement, scopesInWords } from '../../src/auth/scope.ts';

const scope = fc.constantFrom('a:read', 'a:write', 'b:read', 'b:write', 'c:read');
const someScopes = fc.uniqueArray(scope, { maxLength: 3 });
const requirement: fc.Arbitrary<ScopeRequirement> = fc.array(someScopes, { minLength: 1, maxLength: 3 });

const isEnough = (held: readonly string[], needed: ScopeRequirement) =>
  needed.some((scopes) => scopes.every((name) => held.includes(name)));

describe('allOf', () => {
  it('is satisfied by just those who satisfy each requirement', () => {
    fc.assert(
      fc.property(fc.array(requirement, { maxLength: 4 }), fc.uniqueArray(scope), (requirements, held) => {
        const each = requirements.every((needed) => isEnough(held, needed));
        expect(isEnough(held, allOf(requirements))).toBe(each);
      }),
    );
  });

  it('names no alternative that asks for more than another, and none twice', () => {
    fc.assert(
      fc.property(fc.array(requirement, { maxLength: 4 }), (requirements) => {
        const all = allOf(requirements);
        for (const [index, one] of all.entries()) {
          const others = all.filter((_, other) => other !== index);
          expect(others.some((other) => other.every((name) => one.includes(name)))).toBe(false);
        }
      }),
    );
  });

  it('throws when the alternatives multiply beyond telling', () => {
    const pairs = Array.from({ length: 8 }, (_, index) => [[`one:${index}`], [`other:${index}`]]);
    expect(() => allOf(pairs)).toThrow(RangeError);
    expect(allOf(pairs.slice(1)).length).toBe(128);
    expect(allOf([...pairs, ...pairs.map(([one = []]) => [one])])).toEqual([pairs.map((_, index) => `one:${index}`)]);
  });
});

describe('lackingOf', () => {
  it('is empty for just those who have enough, and tells the others what is enough with what they have', () => {
    fc.assert(
      fc.property(requirement, fc.uniqueArray(scope), (needed, held) => {
        const lacking = lackingOf(held, needed);
        expect(lacking.length === 0).toBe(isEnough(held, needed));
        for (const scopes of lacking) expect(isEnough([...held, ...scopes], needed)).toBe(true);
      }),
    );
    expect(lackingOf(['*'], [['a:read']])).toEqual([]);
  });
});

it('says requirements in words', () => {
  expect(scopesInWords([[]])).toBe('none');
  expect(scopesInWords([['a:read', 'b:read']])).toBe('a:read and b:read');
  expect(scopesInWords([['a:read'], ['b:read']])).toBe('a:read or b:read');
  expect(scopesInWords([['a:read', 'b:read'], ['c:read']])).toBe('a:read and b:read, or c:read');
});

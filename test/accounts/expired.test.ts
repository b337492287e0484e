import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isExpiredAt, isExpiredSql, isLiveAt } from '../../src/accounts/expired.ts';
import { isExpired, type TokenLifetimes } from '../../src/auth/expiry.ts';
import { openWorld } from '../world.ts';

const { database, makeUser } = await openWorld();

const NOW = new Date('2030-01-31T12:00:00.000Z');
// Few instants, close together, so that "at the very instant" is met often.
const instant = fc.integer({ min: -4, max: 2 }).map((seconds) => new Date(NOW.getTime() + seconds * 1000));
const perhaps = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null });

const token = fc.record({
  kind: fc.constantFrom('LOGIN' as const, 'SESSION' as const, 'API' as const, 'REFRESH' as const),
  createdAt: instant,
  expiresAt: perhaps(instant),
  lastUsedAt: perhaps(instant),
});
const lifetime = fc.record({
  lifetimeSeconds: perhaps(fc.integer({ min: 1, max: 5 })),
  idleLifetimeSeconds: perhaps(fc.integer({ min: 1, max: 5 })),
});
const lifetimes: fc.Arbitrary<TokenLifetimes> = fc.record({ LOGIN: lifetime, SESSION: lifetime });

it('the database finds those expired whom a request is refused for, and those live whom it is let in for', async () => {
  const { user } = await makeUser();
  await fc.assert(
    fc.asyncProperty(fc.array(token, { minLength: 5, maxLength: 30 }), lifetimes, async (tokens, rules) => {
      await database.token.deleteMany({ where: { userId: user.id } });
      await database.token.createMany({
        data: tokens.map((each, n) => ({ ...each, userId: user.id, name: `${n}` })),
      });
      const where = { userId: user.id };
      const rows = await database.token.findMany({ where });
      const idsOf = (found: { id: string }[]) => found.map(({ id }) => id).sort();
      const expired = idsOf(rows.filter((row) => isExpired(row, rules, NOW)));
      const live = idsOf(rows.filter((row) => !isExpired(row, rules, NOW)));
      expect(idsOf(await database.token.findMany({ where: { ...where, ...isExpiredAt(NOW, rules) } }))).toEqual(
        expired,
      );
      expect(idsOf(await database.token.findMany({ where: { ...where, ...isLiveAt(NOW, rules) } }))).toEqual(live);
      const bySql = await database.$queryRaw<{ id: string; isExpired: boolean }[]>`
        SELECT t."id", ${isExpiredSql(NOW, rules)} AS "isExpired" FROM "Token" t WHERE t."userId" = ${user.id}::uuid`;
      expect(idsOf(bySql.filter((row) => row.isExpired === true))).toEqual(expired);
      expect(idsOf(bySql.filter((row) => row.isExpired === false))).toEqual(live);
    }),
    { numRuns: 60 },
  );
});

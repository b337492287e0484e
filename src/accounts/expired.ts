import { KINDS_WITH_LIFETIME, LAST_INSTANT, type TokenLifetimes } from '../auth/expiry.ts';
import { Prisma } from '../database/generated/prisma/client.ts';

/** What `isExpired` says, for Prisma's `where`: the tokens that are refused at this instant because their time is over. */
export function isExpiredAt(now: Date, lifetimes: TokenLifetimes): Prisma.TokenWhereInput {
  const ended: Prisma.TokenWhereInput[] = [{ expiresAt: { lte: now } }, { expiresAt: { gt: LAST_INSTANT } }];
  for (const { kind, lifetimeSeconds, idleLifetimeSeconds } of eachKind(lifetimes)) {
    if (lifetimeSeconds !== null) ended.push({ kind, createdAt: { lte: before(now, lifetimeSeconds) } });
    if (idleLifetimeSeconds !== null) {
      const idle = { lte: before(now, idleLifetimeSeconds) };
      ended.push({ kind, createdAt: idle, OR: [{ lastUsedAt: null }, { lastUsedAt: idle }] });
    }
  }
  return { OR: ended };
}

/** The opposite, spelt out: in SQL neither a comparison with null nor its negation is true. */
export function isLiveAt(now: Date, lifetimes: TokenLifetimes): Prisma.TokenWhereInput {
  const rules: Prisma.TokenWhereInput[] = [
    { OR: [{ expiresAt: null }, { expiresAt: { gt: now, lte: LAST_INSTANT } }] },
  ];
  for (const { kind, lifetimeSeconds, idleLifetimeSeconds } of eachKind(lifetimes)) {
    const isAnother: Prisma.TokenWhereInput = { kind: { not: kind } };
    if (lifetimeSeconds !== null) {
      rules.push({ OR: [isAnother, { createdAt: { gt: before(now, lifetimeSeconds) } }] });
    }
    if (idleLifetimeSeconds !== null) {
      const recent = { gt: before(now, idleLifetimeSeconds) };
      rules.push({ OR: [isAnother, { createdAt: recent }, { lastUsedAt: recent }] });
    }
  }
  return { AND: rules };
}

/** As isExpiredAt, for SQL of our own in which the table "Token" is called `t`; never null. */
export function isExpiredSql(now: Date, lifetimes: TokenLifetimes): Prisma.Sql {
  const parts = [Prisma.sql`coalesce(t."expiresAt" <= ${now} OR t."expiresAt" > ${LAST_INSTANT}, false)`];
  for (const { kind, lifetimeSeconds, idleLifetimeSeconds } of eachKind(lifetimes)) {
    const isOfKind = Prisma.sql`t."kind"::text = ${kind}`;
    if (lifetimeSeconds !== null) {
      parts.push(Prisma.sql`(${isOfKind} AND t."createdAt" <= ${before(now, lifetimeSeconds)})`);
    }
    if (idleLifetimeSeconds !== null) {
      const since = before(now, idleLifetimeSeconds);
      parts.push(Prisma.sql`(${isOfKind} AND greatest(t."createdAt", t."lastUsedAt") <= ${since})`);
    }
  }
  return Prisma.sql`(${Prisma.join(parts, ' OR ')})`;
}

function eachKind(lifetimes: TokenLifetimes) {
  return KINDS_WITH_LIFETIME.map((kind) => ({ kind, ...lifetimes[kind] }));
}

function before(now: Date, seconds: number): Date {
  return new Date(now.getTime() - seconds * 1000);
}

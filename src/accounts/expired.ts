import { LAST_INSTANT, type TokenLifetimes } from '../auth/expiry.ts';
import { Prisma } from '../database/generated/prisma/client.ts';

/** What `isExpired` says, for Prisma's `where`: the tokens that are refused at this instant because their time is over. */
export function isExpiredAt(now: Date, lifetimes: TokenLifetimes): Prisma.TokenWhereInput {
  const { lifetimeSeconds, idleLifetimeSeconds } = lifetimes;
  const login: Prisma.TokenWhereInput[] = [];
  if (lifetimeSeconds !== null) login.push({ createdAt: { lte: before(now, lifetimeSeconds) } });
  if (idleLifetimeSeconds !== null) {
    const idle = { lte: before(now, idleLifetimeSeconds) };
    login.push({ createdAt: idle, OR: [{ lastUsedAt: null }, { lastUsedAt: idle }] });
  }
  const ended: Prisma.TokenWhereInput[] = [{ expiresAt: { lte: now } }, { expiresAt: { gt: LAST_INSTANT } }];
  return { OR: [...ended, ...login.map((each) => ({ kind: 'LOGIN' as const, ...each }))] };
}

/** The opposite, spelt out: in SQL neither a comparison with null nor its negation is true. */
export function isLiveAt(now: Date, { lifetimeSeconds, idleLifetimeSeconds }: TokenLifetimes): Prisma.TokenWhereInput {
  const rules: Prisma.TokenWhereInput[] = [
    { OR: [{ expiresAt: null }, { expiresAt: { gt: now, lte: LAST_INSTANT } }] },
  ];
  const isNoLogin: Prisma.TokenWhereInput = { kind: { not: 'LOGIN' } };
  if (lifetimeSeconds !== null) {
    rules.push({ OR: [isNoLogin, { createdAt: { gt: before(now, lifetimeSeconds) } }] });
  }
  if (idleLifetimeSeconds !== null) {
    const recent = { gt: before(now, idleLifetimeSeconds) };
    rules.push({ OR: [isNoLogin, { createdAt: recent }, { lastUsedAt: recent }] });
  }
  return { AND: rules };
}

/** As isExpiredAt, for SQL of our own in which the table "Token" is called `t`; never null. */
export function isExpiredSql(now: Date, { lifetimeSeconds, idleLifetimeSeconds }: TokenLifetimes): Prisma.Sql {
  const parts = [Prisma.sql`coalesce(t."expiresAt" <= ${now} OR t."expiresAt" > ${LAST_INSTANT}, false)`];
  if (lifetimeSeconds !== null) {
    parts.push(Prisma.sql`(t."kind" = 'LOGIN' AND t."createdAt" <= ${before(now, lifetimeSeconds)})`);
  }
  if (idleLifetimeSeconds !== null) {
    const since = before(now, idleLifetimeSeconds);
    parts.push(Prisma.sql`(t."kind" = 'LOGIN' AND greatest(t."createdAt", t."lastUsedAt") <= ${since})`);
  }
  return Prisma.sql`(${Prisma.join(parts, ' OR ')})`;
}

function before(now: Date, seconds: number): Date {
  return new Date(now.getTime() - seconds * 1000);
}

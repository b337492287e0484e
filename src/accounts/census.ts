import type { TokenLifetimes } from '../auth/expiry.ts';
import { LOGIN_TOKEN_NAME } from '../database/auto-token.ts';
import type { Database } from '../database/client.ts';
import { isLiveAt } from './expired.ts';

/** How many users there are, and what an operator should know of them. */
export interface Census {
  users: number;
  hasSuperuser: boolean;
  /** Users for whom a backfill would make a login token. */
  withoutLoginToken: number;
}

export async function takeCensus(database: Database, now: Date, lifetimes: TokenLifetimes): Promise<Census> {
  // A token made by hand may bear the login token's name; then there is nothing to make.
  const stands = { supersededAt: null, OR: [{ kind: 'LOGIN' as const }, { name: LOGIN_TOKEN_NAME }] };
  return {
    users: await database.user.count(),
    hasSuperuser: (await database.user.count({ where: { isSuperuser: true }, take: 1 })) > 0,
    withoutLoginToken: await database.user.count({
      where: { tokens: { none: { ...stands, ...isLiveAt(now, lifetimes) } } },
    }),
  };
}

interface LiveTokensAsked {
  now: Date;
  lifetimes: TokenLifetimes;
  /** Only those made before this instant. */
  madeBefore?: Date | null;
}

/** How many tokens live. Superseded ones do until they expire. */
export function countLiveTokens(
  database: Database,
  { now, lifetimes, madeBefore = null }: LiveTokensAsked,
): Promise<number> {
  const made = madeBefore === null ? {} : { createdAt: { lt: madeBefore } };
  return database.token.count({ where: { ...made, ...isLiveAt(now, lifetimes) } });
}

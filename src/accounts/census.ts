import type { Database } from '../database/client.ts';

/** How many users there are, and what an operator should know of them. */
export interface Census {
  users: number;
  hasSuperuser: boolean;
  /** Users for whom a backfill would make a login token. */
  withoutLoginToken: number;
}

export async function takeCensus(database: Database, now: Date): Promise<Census> {
  return {
    users: await database.user.count(),
    hasSuperuser: (await database.user.count({ where: { isSuperuser: true }, take: 1 })) > 0,
    withoutLoginToken: await database.user.count({
      // A token made by hand may bear the login token's name; then there is nothing to make.
      where: { tokens: { none: { ...alive(now), AND: { OR: [{ kind: 'LOGIN' }, { name: 'default' }] } } } },
    }),
  };
}

/** How many live tokens were made before this instant; null: how many there are. Superseded ones live until they expire. */
export function countLiveTokens(database: Database, now: Date, madeBefore: Date | null = null): Promise<number> {
  const made = madeBefore === null ? {} : { createdAt: { lt: madeBefore } };
  return database.token.count({ where: { ...made, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] } });
}

function alive(now: Date) {
  return { supersededAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] };
}

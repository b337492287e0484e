import { isExpired, type TokenLifetimes } from '../auth/expiry.ts';
import type { Database } from '../database/client.ts';
import type { Token } from '../database/generated/prisma/client.ts';

/** What tokens are held to here. */
export interface TokenRules {
  lifetimes: TokenLifetimes;
  /** How many live ones a user may have. */
  maxTokensPerUser: number;
  /** How many he may make or rotate within an hour. */
  maxTokensPerHour: number;
  /** How long a refresh token lives that is not used. */
  refreshLifetimeSeconds: number;
}

/** The user's token of this name, or null when there is none or it has expired. */
export async function findLiveToken(
  database: Database,
  { userId, name, rules, now }: { userId: string; name: string; rules: TokenRules; now: Date },
): Promise<Token | null> {
  const token = await database.token.findFirst({ where: { userId, name, supersededAt: null } });
  return token && !isExpired(token, rules.lifetimes, now) ? token : null;
}

export function findToken(database: Database, id: string): Promise<Token | null> {
  return database.token.findUnique({ where: { id } });
}

export function countTokensOf(database: Database, userId: string): Promise<number> {
  return database.token.count({ where: { userId } });
}

import { newTokenId } from '../auth/key.ts';
import { LOGIN_TOKEN_NAME } from '../database/auto-token.ts';
import type { Database } from '../database/client.ts';
import type { Token, TokenKind } from '../database/generated/prisma/client.ts';
import { changedBy, type Origin } from '../database/origin.ts';
import { isExpiredSql } from './expired.ts';
import { ValidationError } from './failures.ts';
import { type Grant, isStanding } from './grant.ts';
import type { TokenRules } from './tokens.ts';
import { lockUser } from './user-lock.ts';

/** How often it is begun anew, when somebody else has changed what was judged. */
export const MOST_TRIES = 5;

export interface TokenDraft {
  userId: string;
  kind: TokenKind;
  name: string;
  scopes: readonly string[];
  expiresAt: Date | null;
}

interface IssueOptions {
  rules: TokenRules;
  now: Date;
  origin: Origin;
  /** What the new token rests on, where somebody's token makes it. */
  grant?: Grant | undefined;
  /** Whether tokens that have the name make way, superseded ones too, whatever became of their keys. */
  isReplacing?: boolean;
}

/** A new token, or why there is none. */
export type Issue = { token: Token } | { token: null; refusal: 'ungranted' | 'name-taken' | 'no-place' | 'no-user' };

type Row = { isGranted: boolean; isTaken: boolean; hasPlace: boolean } & (Token | { [Column in keyof Token]: null });

/**
 * A new token, in place of an expired one of its name. However many are asked for at once, a user has no more live ones
 * than the rules allow, and a place among them is kept for the login token `default`: with a password one can always
 * get in. A name takes one place, so that a superseded token takes none while its successor lives.
 */
export async function issueToken(database: Database, draft: TokenDraft, options: IssueOptions): Promise<Issue> {
  const { userId, kind, name, scopes, expiresAt } = draft;
  const { rules, now, origin, grant, isReplacing = false } = options;
  const { lifetimes, maxTokensPerUser } = rules;
  const isExpired = isExpiredSql(now, lifetimes);
  const isKeptPlace = kind === 'LOGIN' && name === LOGIN_TOKEN_NAME;
  const [, , , , [row]] = await database.$transaction([
    lockUser(database, userId),
    changedBy(database, origin, { isPruning: true }),
    // Expired rows are kept for people to see, but not without bounds.
    database.$executeRaw`
      DELETE FROM "Token" t
       WHERE t."userId" = ${userId}::uuid AND ${isExpired}
         AND ((t."name" = ${name} AND t."supersededAt" IS NULL)
              OR (SELECT count(*) FROM "Token" WHERE "userId" = ${userId}::uuid AND "kind" IN ('LOGIN', 'API'))
                 >= ${maxTokensPerUser})`,
    changedBy(database, origin),
    database.$queryRaw<Row[]>`
      WITH replaced AS (
        DELETE FROM "Token" t WHERE ${isReplacing} AND t."userId" = ${userId}::uuid AND t."name" = ${name}
        RETURNING NOT ${isExpired} AS "wasLive"
      ), verdict AS (
        SELECT ${isStanding(grant)} AS "isGranted",
               known."isTaken" AND NOT ${isReplacing} AS "isTaken",
               held."places" > 0 OR ${isKeptPlace} OR known."others" < ${maxTokensPerUser - 1} AS "hasPlace"
          -- Counted, not looked for: the insertion must come after the last deletion.
          FROM (SELECT count(*) FILTER (WHERE "wasLive") AS "places" FROM replaced) held,
               (SELECT coalesce(bool_or(t."name" = ${name} AND t."supersededAt" IS NULL), false) AS "isTaken",
                       count(DISTINCT t."name") FILTER (
                         WHERE t."name" NOT IN (${name}, ${LOGIN_TOKEN_NAME}) AND t."kind" IN ('LOGIN', 'API')
                           AND NOT ${isExpired}) AS "others"
                  FROM "Token" t WHERE t."userId" = ${userId}::uuid) known
      ), made AS (
        INSERT INTO "Token" ("id", "userId", "kind", "name", "scopes", "createdAt", "expiresAt")
        SELECT ${newTokenId()}::uuid, "User"."id", ${kind}::"TokenKind", ${name}, ${scopes}::text[], ${now}, ${expiresAt}
          FROM "User", verdict
         WHERE "User"."id" = ${userId}::uuid AND "isGranted" AND "hasPlace" AND NOT "isTaken"
            ON CONFLICT ("userId", "name") WHERE "supersededAt" IS NULL DO NOTHING
        RETURNING *
      )
      SELECT verdict.*, made.* FROM verdict LEFT JOIN made ON true`,
  ]);
  if (!row) throw new Error('The issuing statement answered no row.');
  const { isGranted, isTaken, hasPlace, ...token } = row;
  if (token.id !== null) return { token };
  if (!isGranted) return { token: null, refusal: 'ungranted' };
  if (isTaken) return { token: null, refusal: 'name-taken' };
  if (!hasPlace) return { token: null, refusal: 'no-place' };
  // Nothing forbade it: there is no such user, or somebody who takes no lock was quicker with the name.
  const user = await database.user.findUnique({ where: { id: userId }, select: { id: true } });
  return { token: null, refusal: user ? 'name-taken' : 'no-user' };
}

/** What whoever asks for one token too many is told. */
export function tooManyTokens({ maxTokensPerUser }: TokenRules): ValidationError {
  const message =
    `A user may have ${maxTokensPerUser} tokens, and one place is kept for the login token "${LOGIN_TOKEN_NAME}". ` +
    'Revoke a token that is not needed any more.';
  return new ValidationError([{ path: ['name'], message }]);
}

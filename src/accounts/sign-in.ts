import type { Database } from '../database/client.ts';
import type { Token, User } from '../database/generated/prisma/client.ts';
import { changedBy, type Origin } from '../database/origin.ts';
import { issueSignIn } from './issue-sign-in.ts';
import { type Caller, openByPassword, type PasswordDoor, type PasswordProof } from './password-proof.ts';
import type { TokenRules } from './tokens.ts';

interface SignInOptions {
  caller: Caller;
  rules: TokenRules;
  now: Date;
  /** The session that the browser had before, whosever it was. */
  before: string | null;
}

/**
 * A new session for whoever these credentials belong to, never one that was there before, which ends: nobody can have
 * laid it in the browser for him. Throws InvalidCredentialsError, and RequestRefused (THROTTLED).
 */
export async function signIn(
  door: PasswordDoor,
  proof: PasswordProof,
  { caller, rules, now, before }: SignInOptions,
): Promise<{ user: User; session: Token }> {
  const { user, opened } = await openByPassword(door, proof, { caller, now }, (proved, origin) =>
    issueSignIn(door.database, { user: proved, kind: 'SESSION', expiresAt: null }, { rules, now, origin }),
  );
  if (before !== null) await endSession(door.database, before, { ...caller, actorId: user.id });
  return { user, session: opened };
}

/** Whether there was such a session to end. */
export async function endSession(database: Database, id: string, origin: Origin): Promise<boolean> {
  const [, { count }] = await database.$transaction([
    changedBy(database, origin),
    database.token.deleteMany({ where: { id, kind: 'SESSION' } }),
  ]);
  return count > 0;
}

import * as z from 'zod';
import type { Passwords } from '../auth/password.ts';
import type { Database } from '../database/client.ts';
import type { User } from '../database/generated/prisma/client.ts';
import { changedBy, type Origin } from '../database/origin.ts';
import { isRowMissing } from '../database/prisma-errors.ts';
import { overloaded } from '../errors.ts';
import { recordEvent } from './audit-events.ts';
import { Failure, InvalidCredentialsError } from './failures.ts';
import { MOST_TRIES } from './issue-token.ts';
import type { LoginThrottle } from './login-throttle.ts';
import { typedUsernameSchema, usernameKeyOf } from './username.ts';
import { findUser } from './users.ts';

/** Username and password as somebody may send them to get in. */
export const passwordProofSchema = z.object({
  username: typedUsernameSchema,
  password: z.string().refine((password) => password !== '', 'This field may not be blank.'),
});

export type PasswordProof = z.output<typeof passwordProofSchema>;

/** Where a password is checked to let somebody in. */
export interface PasswordDoor {
  database: Database;
  passwords: Passwords;
  /** Null, for whoever has the secrets and asks on the command line: then nothing is counted, or told. */
  throttle: LoginThrottle | null;
}

/** Who stands before it. */
export interface Caller extends Origin {
  /** The name of the user whose good credential he has sent beside, if any. */
  knownAs: string | null;
}

/**
 * Whose username and password these are. The one place where a password is checked to let somebody in.
 * Throws InvalidCredentialsError for a wrong password, an unknown user and an inactive user alike: the same words
 * after the same work; RequestRefused (THROTTLED) after too many of them, whether or not this one is right.
 */
async function proveByPassword(
  { database, passwords, throttle }: PasswordDoor,
  { username, password }: PasswordProof,
  caller: Caller,
  now: Date,
): Promise<User> {
  async function check(): Promise<User> {
    const user = await findUser(database, username);
    const isRight = await passwords.verify(password, user?.passwordHash ?? null);
    const isGood = user?.isActive === true && isRight;
    passwords.noteProof(isGood);
    if (user && isGood) return user;
    // The same for somebody and for nobody. What was typed for a username may be a password, and is not kept.
    await throttle?.noteFailed(user?.id ?? null, caller);
    throw new InvalidCredentialsError();
  }

  if (!throttle) return check();
  const { knownAs } = caller;
  const isKnown = knownAs !== null && usernameKeyOf(knownAs) === usernameKeyOf(username);
  return throttle.run({ username, password, sender: caller, isKnown }, now, check);
}

/** As proveByPassword, of whatever somebody has sent; null where nobody may come in by it. */
export async function proveOrNull(
  door: PasswordDoor,
  sent: z.input<typeof passwordProofSchema>,
  caller: Caller,
  now: Date,
): Promise<User | null> {
  const read = passwordProofSchema.safeParse(sent);
  if (!read.success) return null;
  try {
    return await proveByPassword(door, read.data, caller, now);
  } catch (error) {
    if (error instanceof InvalidCredentialsError) return null;
    throw error;
  }
}

/**
 * What `open` gives to whoever these credentials belong to, and a login noted with him. `open` gives null when the user
 * is not as he was proved; then it all begins anew. Throws as proveByPassword.
 */
export async function openByPassword<Opened extends { id: string }>(
  door: PasswordDoor,
  proof: PasswordProof,
  { caller, now }: { caller: Caller; now: Date },
  open: (user: Pick<User, 'id' | 'passwordHash'>, origin: Origin) => Promise<Opened | null>,
  triesLeft = MOST_TRIES,
): Promise<{ user: User; opened: Opened }> {
  const { database, passwords } = door;
  const user = await proveByPassword(door, proof, caller, now);
  // A login ends under the very hash that it proved, or begins anew: a password changed meanwhile, with all the tokens
  // issued under it ended, must not give out one more.
  const proved = { id: user.id, passwordHash: user.passwordHash };
  const origin = { ...caller, actorId: user.id };
  if (user.passwordHash && passwords.needsRehash(user.passwordHash)) {
    const passwordHash = await passwords.hash(proof.password);
    await database.$transaction([
      changedBy(database, origin, { isRehash: true }),
      database.user.updateMany({ where: proved, data: { passwordHash } }),
    ]);
    proved.passwordHash = passwordHash;
  }
  const opened = await open(proved, origin).catch(async (error) => {
    // The password was right, and whoever sent it knows that now.
    if (error instanceof Failure) await recordEvent(database, 'LOGIN_SUCCEEDED', { userId: user.id }, origin);
    throw error;
  });
  // Gone, inactive, or with another password: then proving it again says so. Or another login of his has hashed it anew.
  if (opened === null) return again();
  try {
    const [loggedIn] = await database.$transaction([
      database.user.update({ where: proved, data: { lastLogin: now } }),
      recordEvent(database, 'LOGIN_SUCCEEDED', { userId: user.id, tokenId: opened.id }, origin),
    ]);
    return { user: loggedIn, opened };
  } catch (error) {
    if (isRowMissing(error)) return again();
    throw error;
  }

  function again() {
    if (triesLeft === 0) throw overloaded();
    return openByPassword(door, proof, { caller, now }, open, triesLeft - 1);
  }
}

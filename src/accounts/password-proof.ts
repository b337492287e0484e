import { z } from 'zod';
import type { Passwords } from '../auth/password.ts';
import type { Database } from '../database/client.ts';
import type { User } from '../database/generated/prisma/client.ts';
import { isRowMissing } from '../database/prisma-errors.ts';
import { overloaded } from '../errors.ts';
import { InvalidCredentialsError } from './failures.ts';
import { MOST_TRIES } from './issue-token.ts';
import { typedUsernameSchema } from './username.ts';
import { findUser } from './users.ts';

/** Username and password as somebody may send them to get in. */
export const passwordProofSchema = z.object({
  username: typedUsernameSchema,
  password: z.string().refine((password) => password !== '', 'This field may not be blank.'),
});

export type PasswordProof = z.output<typeof passwordProofSchema>;

/**
 * Whose username and password these are. The one place where a password is checked to let somebody in.
 * Throws InvalidCredentialsError for a wrong password, an unknown user and an inactive user alike: the same words
 * after the same work.
 */
async function proveByPassword(
  database: Database,
  passwords: Passwords,
  { username, password }: PasswordProof,
): Promise<User> {
  const user = await findUser(database, username);
  const isRight = await passwords.verify(password, user?.passwordHash ?? null);
  if (!user || !isRight || !user.isActive) throw new InvalidCredentialsError();
  return user;
}

/** As proveByPassword, of whatever somebody has sent; null where nobody may come in by it. */
export async function proveOrNull(
  database: Database,
  passwords: Passwords,
  sent: z.input<typeof passwordProofSchema>,
): Promise<User | null> {
  const read = passwordProofSchema.safeParse(sent);
  if (!read.success) return null;
  try {
    return await proveByPassword(database, passwords, read.data);
  } catch (error) {
    if (error instanceof InvalidCredentialsError) return null;
    throw error;
  }
}

/**
 * What `open` gives to whoever these credentials belong to, and a login noted with him. `open` gives null when the user
 * is not as he was proved; then it all begins anew. Throws InvalidCredentialsError.
 */
export async function openByPassword<Opened>(
  database: Database,
  passwords: Passwords,
  proof: PasswordProof,
  now: Date,
  open: (user: Pick<User, 'id' | 'passwordHash'>) => Promise<Opened | null>,
  triesLeft = MOST_TRIES,
): Promise<{ user: User; opened: Opened }> {
  const user = await proveByPassword(database, passwords, proof);
  // A login ends under the very hash that it proved, or begins anew: a password changed meanwhile, with all the tokens
  // issued under it ended, must not give out one more.
  const proved = { id: user.id, passwordHash: user.passwordHash };
  if (user.passwordHash && passwords.needsRehash(user.passwordHash)) {
    const passwordHash = await passwords.hash(proof.password);
    await database.user.updateMany({ where: proved, data: { passwordHash } });
    proved.passwordHash = passwordHash;
  }
  const opened = await open(proved);
  // Gone, inactive, or with another password: then proving it again says so. Or another login of his has hashed it anew.
  if (opened === null) return again();
  try {
    return { user: await database.user.update({ where: proved, data: { lastLogin: now } }), opened };
  } catch (error) {
    if (isRowMissing(error)) return again();
    throw error;
  }

  function again() {
    if (triesLeft === 0) throw overloaded();
    return openByPassword(database, passwords, proof, now, open, triesLeft - 1);
  }
}

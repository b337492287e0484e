import { createHmac, randomBytes } from 'node:crypto';
import { readSender, type Sender } from '../auth/sender.ts';
import type { ViewerUser } from '../auth/viewer.ts';
import type { User } from '../database/generated/prisma/client.ts';
import { growingLru } from '../growing-lru.ts';
import { type PasswordDoor, proveOrNull } from './password-proof.ts';
import type { SparseEvents } from './sparse-events.ts';
import { findUser } from './users.ts';

type Prove = (username: string, password: string, sender: Sender) => Promise<ViewerUser | null>;

/**
 * Whose username and password these are, or null: for requests that carry them each time. Throws RequestRefused
 * (THROTTLED) after too many that were wrong.
 */
export interface PasswordProofs {
  prove: Prove;
  /**
   * As prove, for what goes on after it was proved: one look-up, and no work for a password that was right and has not
   * been changed since.
   */
  proveAgain: Prove;
}

/** How many proofs are remembered; past that, the work of one is done again. */
const MOST_REMEMBERED = 1_000;

interface ProofsOptions {
  noteAccepted: SparseEvents['passwordAccepted'];
  now(): Date;
}

export function createPasswordProofs(door: PasswordDoor, { noteAccepted, now }: ProofsOptions): PasswordProofs {
  /** The hash that a username and password were right for; they themselves are not kept. */
  const provedHashes = growingLru<string>(MOST_REMEMBERED);
  const secret = randomBytes(32);

  function digestOf(username: string, password: string): string {
    return createHmac('sha256', secret)
      .update(JSON.stringify([username, password]))
      .digest('base64');
  }

  async function prove(username: string, password: string, sender: Sender): Promise<ViewerUser | null> {
    const caller = { ...readSender(sender), actorId: null, knownAs: null };
    const user = await proveOrNull(door, { username, password }, caller, now());
    if (user?.passwordHash) provedHashes.set(digestOf(username, password), user.passwordHash);
    if (user) noteAccepted(user.id, sender);
    return user && viewerUserOf(user);
  }

  async function proveAgain(username: string, password: string, sender: Sender): Promise<ViewerUser | null> {
    const provedHash = provedHashes.get(digestOf(username, password));
    const user = provedHash === undefined ? null : await findUser(door.database, username);
    // Another hash may be the same password's, made with more work since.
    return user?.isActive && user.passwordHash === provedHash ? viewerUserOf(user) : prove(username, password, sender);
  }

  return { prove, proveAgain };
}

function viewerUserOf({ passwordHash: _, usernameKey: __, ...user }: User): ViewerUser {
  return user;
}

import { NO_SENDER, type Sender } from '../auth/sender.ts';
import type { Database } from './client.ts';

/** Whose doing a change is, and how it was asked for: what the audit trail keeps of it. */
export interface Origin extends Sender {
  /** Null where nobody was signed in. */
  actorId: string | null;
}

/** Of what a server does by itself. */
export const NOBODY: Origin = { ...NO_SENDER, actorId: null };

interface Meaning {
  /** What is deleted has expired, and is tidied up: nothing is revoked by it. */
  isPruning?: true;
  /** A password's hash is made anew, of the same password. */
  isRehash?: true;
}

/**
 * The first statement of a transaction: the triggers of the audit trail note from here to its end whose doing its
 * changes are. Without it they are nobody's.
 */
export function changedBy(database: Pick<Database, '$executeRaw'>, origin: Origin, meaning: Meaning = {}) {
  return database.$executeRaw`SELECT set_config('tessera.origin', ${JSON.stringify({ ...origin, ...meaning })}, true)`;
}

import { randomUUID } from 'node:crypto';

/** How often a line is proved. */
export const BEAT_MS = 150;
/** How long a proof is good, counted from when it was sent: the longest that a line which dies without a word can hide a change. */
export const LEASE_MS = 500;

const WORD = 'beat ';

/**
 * What a line of notices is worth. A proof is a notice to oneself: whatever was committed before it was sent has been
 * told when it comes in, for PostgreSQL tells in the order of commits.
 */
export interface Proofs {
  /** Whether a proof that is good has come in. */
  areGood(): boolean;
  /** How many proofs have come in. */
  received(): number;
  /** How many are on their way. */
  underWay(): number;
  /** Hands a proof to `send`; resolves when it has come in or is no longer waited for. Rejects as `send` does. */
  prove(send: (payload: string) => Promise<unknown>): Promise<void>;
  /** Whether this notice is a proof, of this node or another. */
  takeIn(payload: string): boolean;
  /** From now on, none counts that was sent before this moment of `performance.now()`. */
  discountBefore(moment: number): void;
  /** None has come in, and none is waited for. */
  forget(): void;
}

export function createProofs(): Proofs {
  const sent = new Map<string, { at: number; arrive(): void }>();
  let received = 0;
  let provedAt = Number.NEGATIVE_INFINITY;
  let countsFrom = Number.NEGATIVE_INFINITY;
  return {
    areGood: () => provedAt >= countsFrom && performance.now() - provedAt < LEASE_MS,
    received: () => received,
    underWay: () => sent.size,
    prove(send) {
      // Not to be guessed: everybody who may connect hears these, and can send what looks like one.
      const payload = WORD + randomUUID();
      return new Promise((resolve, reject) => {
        sent.set(payload, { at: performance.now(), arrive: resolve });
        send(payload).catch((error) => {
          sent.delete(payload);
          reject(error);
        });
      });
    },
    takeIn(payload) {
      const proof = sent.get(payload);
      if (!proof) return payload.startsWith(WORD);
      sent.delete(payload);
      received += 1;
      provedAt = Math.max(provedAt, proof.at);
      proof.arrive();
      return true;
    },
    discountBefore(moment) {
      countsFrom = Math.max(countsFrom, moment);
    },
    forget() {
      provedAt = Number.NEGATIVE_INFINITY;
      for (const { arrive } of sent.values()) arrive();
      sent.clear();
    },
  };
}

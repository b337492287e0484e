import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, Changes } from '../database/changes.ts';
import type { Database } from '../database/client.ts';
import { overloaded } from '../errors.ts';
import { createEventQueue } from './event-queue.ts';
import { createExpirySweep } from './expiry-sweep.ts';
import { createMultimap } from './multimap.ts';
import { type TokenEvent, tokenEventOf } from './token-event.ts';
import type { TokenRules } from './tokens.ts';

interface TokenEventsOptions {
  database: Database;
  changes: Changes;
  rules: TokenRules;
  now(): Date;
}

interface TokenListener {
  hear(event: TokenEvent): void;
  /** Events may have been missed, or there will be no more. */
  lose(): void;
}

/** What happens to tokens, whoever does it and on whichever node, from now on. */
export interface TokenEvents {
  /** Told of this user's tokens, or of everybody's (null: expiries up to a minute late); returns how to stop that. */
  subscribe(userId: string | null, listener: TokenListener): () => void;
  /**
   * The events of this user's tokens for one reader. Ends with RequestRefused (OVERLOADED) when some are missed: he
   * reads too slowly, or changes are not heard. Throws the same where they are not heard within a second.
   */
  streamOf(userId: string): Promise<AsyncIterableIterator<TokenEvent>>;
  close(): void;
}

const SWEEP_MS = 1_000;
const SWEEP_OF_ALL_MS = 60_000;
/** How long a subscriber waits for changes to be heard. */
const PATIENCE_MS = 1_000;
/** Waiting events past which a reader is too slow; besides, all of a user's tokens may end at once. */
const MOST_WAITING = 100;
/** A token, and the one that it superseded. */
const ROWS_A_TOKEN = 2;

export function createTokenEvents({ database, changes, rules, now }: TokenEventsOptions): TokenEvents {
  const byUser = createMultimap<string, TokenListener>();
  const ofAll = new Set<TokenListener>();
  const most = MOST_WAITING + ROWS_A_TOKEN * rules.maxTokensPerUser;
  const { lifetimes } = rules;
  let isClosed = false;

  const tellUser = (event: TokenEvent) => {
    for (const listener of byUser.get(event.userId)) listener.hear(event);
  };
  const tellAll = (event: TokenEvent) => {
    for (const listener of ofAll) listener.hear(event);
  };
  const swept = { database, lifetimes, now };
  const sweep = createExpirySweep({ ...swept, everyMs: SWEEP_MS, userIds: () => byUser.keys(), tell: tellUser });
  const sweepOfAll = createExpirySweep({ ...swept, everyMs: SWEEP_OF_ALL_MS, userIds: () => null, tell: tellAll });

  function hear(change: Change): void {
    if (change.table === null) lose();
    if (change.table !== 'Token') return;
    const event = tokenEventOf(change, lifetimes, now());
    if (event) {
      tellUser(event);
      tellAll(event);
    } else if (change.operation === 'DELETE') {
      sweep.noteDeleted(change);
      sweepOfAll.noteDeleted(change);
    }
  }

  function lose(): void {
    for (const listener of [...byUser.keys().flatMap((userId) => [...byUser.get(userId)]), ...ofAll]) listener.lose();
  }

  function subscribe(userId: string | null, listener: TokenListener): () => void {
    if (userId === null) {
      ofAll.add(listener);
      sweepOfAll.start();
      return () => {
        ofAll.delete(listener);
        if (ofAll.size === 0) sweepOfAll.stop();
      };
    }
    byUser.add(userId, listener);
    sweep.start();
    return () => {
      byUser.delete(userId, listener);
      if (byUser.size() === 0) sweep.stop();
    };
  }

  const unsubscribe = changes.subscribe(hear);
  return {
    subscribe,
    async streamOf(userId) {
      // What is missed before the first event would never be known of. A busy moment passes; a lost line does not.
      const until = performance.now() + PATIENCE_MS;
      while (!changes.areHeard() && performance.now() < until) await sleep(PATIENCE_MS / 20);
      if (isClosed || !changes.areHeard()) throw overloaded();
      let stop = (): void => {};
      const queue = createEventQueue<TokenEvent>({ most, onOver: () => stop() });
      stop = subscribe(userId, { hear: queue.push, lose: () => queue.fail(overloaded()) });
      return queue.events;
    },
    close() {
      isClosed = true;
      unsubscribe();
      lose();
      sweep.stop();
      sweepOfAll.stop();
    },
  };
}

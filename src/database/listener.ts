import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { inTime } from '../in-time.ts';
import { type Changes, createAudience, readChange } from './changes.ts';
import { introduce, type Ways } from './introduce.ts';
import { type Line, openLine, reasonOf } from './line.ts';
import { BEAT_MS, createProofs, LEASE_MS } from './proofs.ts';

interface ListenerOptions extends Ways {
  log: Logger;
}

/** After so many beats without a proof the line is given up and another is tried. Beats, for a busy process has fewer. */
const DEAD_BEATS = 14;
const FIRST_PAUSE_MS = 50;
/** Felt by everybody when the database is back: until the line is, every request looks its key up. */
const LONGEST_PAUSE_MS = 1_000;

/**
 * The changes of a database on a server, heard by LISTEN over a line of its own. The line is trusted only as far as it
 * has been proved: notices are sent over a second connection and must come in by the first, which a pooler in
 * transaction mode, a connection cut without a word and a stopped process all fail. After every break whoever listens
 * is told that anything may have changed.
 */
export function hearServer({ url, databaseUrl, log }: ListenerOptions): Changes {
  const { tell, subscribe } = createAudience();
  const proofs = createProofs();
  const closing = new AbortController();
  /** Once it has been introduced. */
  let line: Line | null = null;
  let settling: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  function hear(payload: string): void {
    if (!proofs.takeIn(payload)) tell(readChange(payload));
  }

  function forget(): void {
    proofs.forget();
    tell({ table: null });
  }

  /** One proof for all who ask while another is on its way. */
  function settle(): Promise<void> {
    if (!line) return Promise.resolve();
    if (settling) {
      next ??= settling.then(() => {
        next = null;
        return settle();
      });
      return next;
    }
    const from = performance.now();
    settling = inTime(prove(line), LEASE_MS)
      .then((isIn) => {
        // One that is still on its way, and was sent before, says nothing of this.
        if (!isIn) proofs.discountBefore(from);
      })
      .finally(() => {
        settling = null;
      });
    return settling;
  }

  async function prove(by: Line): Promise<void> {
    await proofs.prove(by.send).catch((error) => by.giveUp(reasonOf(error)));
  }

  /** Resolves when the line is over, with the reason. */
  async function hold(held: Line, onHeard: () => void): Promise<string> {
    let heardOf = 0;
    let silentBeats = 0;
    let lastSent = Number.NEGATIVE_INFINITY;
    function beat(): void {
      if (proofs.areGood()) onHeard();
      silentBeats = proofs.received() === heardOf ? silentBeats + 1 : 0;
      heardOf = proofs.received();
      if (silentBeats > DEAD_BEATS) {
        held.giveUp(`no notice has come in for ${DEAD_BEATS} beats`);
        return;
      }
      // Behind a line that answers late, proofs do not pile up.
      const now = performance.now();
      if (proofs.underWay() > 0 && now - lastSent < LEASE_MS) return;
      lastSent = now;
      void prove(held);
    }
    const timer = setInterval(beat, BEAT_MS);
    timer.unref();
    beat();
    return held.over.finally(() => clearInterval(timer));
  }

  async function keepListening(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    // Each once a break.
    const reasons = new Set<string>();
    let hasOpened = false;
    function onHeard(): void {
      pause = FIRST_PAUSE_MS;
      if (reasons.size > 0) log.info('changes are heard again: keys are remembered');
      reasons.clear();
    }
    while (!closing.signal.aborted) {
      let opened: Line | null = null;
      let reason: string;
      try {
        opened = await openLine({ url, hear, closing: closing.signal });
        // Between the last line and this one anything may have happened; before the first, nobody was told anything.
        if (hasOpened) forget();
        hasOpened = true;
        await introduce(opened, proofs, { url, databaseUrl }, closing.signal);
        line = opened;
        reason = await hold(opened, onHeard);
      } catch (error) {
        reason = reasonOf(error);
        opened?.giveUp(reason);
      }
      line = null;
      forget();
      if (closing.signal.aborted) return;
      if (!reasons.has(reason)) log.warn({ reason }, 'changes are not heard: every request looks its key up');
      reasons.add(reason);
      await sleep(pause, undefined, { signal: closing.signal, ref: false }).catch(() => {});
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  const listening = keepListening();
  return {
    areHeard: proofs.areGood,
    subscribe,
    settle,
    async close() {
      closing.abort();
      await listening;
    },
  };
}

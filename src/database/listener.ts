import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from 'pino';
import { CHANNEL, type Changes, createAudience, readChange } from './changes.ts';

interface ListenerOptions {
  /** The server itself, not a pooler in front of it. */
  url: string;
  log: Logger;
}

/** How often the line is proved, and for how long a proof is good: what a line that dies without a word can hide. */
const BEAT_MS = 150;
const LEASE_MS = 500;
/** Without a proof for so long, the line is given up and another is tried. */
const DEAD_MS = 2_000;
const CONNECT_MS = 5_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

const BEAT = `SELECT set_config('synchronous_commit', 'off', true), pg_notify('${CHANNEL}', $1)`;

/**
 * The changes of a database on a server, heard over a line of its own by LISTEN. The line is trusted only as far as it
 * has been proved: a notice is sent over a second line and must come in by the first, which a pooler in transaction
 * mode, a connection cut without a word and a stopped process all fail. Whatever was committed before a notice was sent
 * has been told when that comes in. After every break whoever listens is told that anything may have changed.
 */
export function hearServer({ url, log }: ListenerOptions): Changes {
  const { tell, subscribe } = createAudience();
  const me = randomUUID();
  const sent = new Map<number, { at: number; resolve(): void }>();
  let beat = 0;
  /** When the latest proof that has come in was sent. */
  let provedAt = Number.NEGATIVE_INFINITY;
  let line: Line | null = null;
  let isClosed = false;
  const closing = new AbortController();

  function areHeard(): boolean {
    return performance.now() - provedAt < LEASE_MS;
  }

  function forget(): void {
    provedAt = Number.NEGATIVE_INFINITY;
    for (const { resolve } of sent.values()) resolve();
    sent.clear();
    tell({ table: null });
  }

  function hear(payload: string): void {
    const [word, who, number] = payload.split(' ');
    const proof = word === 'beat' && who === me ? sent.get(Number(number)) : undefined;
    if (word !== 'beat') tell(readChange(payload));
    if (!proof) return;
    sent.delete(Number(number));
    provedAt = Math.max(provedAt, proof.at);
    proof.resolve();
  }

  /** Sends a proof; resolves when it has come in, or the line has been given up. */
  function prove(by: Line): Promise<void> {
    beat += 1;
    const number = beat;
    return new Promise((resolve) => {
      sent.set(number, { at: performance.now(), resolve });
      by.speaker.query(BEAT, [`beat ${me} ${number}`]).catch(() => by.giveUp());
    });
  }

  let settling: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  /** One proof for all who ask while another is on its way. */
  function settle(): Promise<void> {
    if (!line || !areHeard()) return Promise.resolve();
    if (settling) {
      next ??= settling.then(() => {
        next = null;
        return settle();
      });
      return next;
    }
    settling = inTime(prove(line), LEASE_MS)
      .then((isIn) => {
        // What was not proved is not trusted, until something is that was sent later.
        if (!isIn) provedAt = Number.NEGATIVE_INFINITY;
      })
      .finally(() => {
        settling = null;
      });
    return settling;
  }

  async function hold(held: Line): Promise<void> {
    const since = performance.now();
    let lastSent = Number.NEGATIVE_INFINITY;
    const timer = setInterval(() => {
      const now = performance.now();
      if (now - Math.max(provedAt, since) > DEAD_MS) return held.giveUp();
      // Behind a line that answers late, proofs do not pile up.
      if (sent.size > 0 && now - lastSent < LEASE_MS) return;
      lastSent = now;
      void prove(held);
    }, BEAT_MS);
    timer.unref();
    void prove(held);
    await held.over;
    clearInterval(timer);
  }

  async function keepListening(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    let isTold = false;
    while (!isClosed) {
      let reason = '';
      let hasHeard = false;
      try {
        line = await openLine(url, hear, closing.signal);
        // Between the last line and this one anything may have happened.
        forget();
        const stop = whenHeard(() => {
          hasHeard = true;
          pause = FIRST_PAUSE_MS;
          if (isTold) log.info('changes are heard again: keys are remembered');
          isTold = false;
        });
        await hold(line);
        stop();
        reason = hasHeard
          ? 'the connection was lost'
          : 'notices do not come through it: a pooler in transaction mode? Set DIRECT_DATABASE_URL to the server itself';
      } catch (error) {
        reason = (error as Error).message || String((error as { code?: string }).code);
      }
      line = null;
      forget();
      if (isClosed) return;
      if (!isTold) log.warn({ reason }, 'changes are not heard: every request looks its key up');
      isTold = true;
      await sleep(pause, undefined, { signal: closing.signal, ref: false }).catch(() => {});
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  function whenHeard(act: () => void): () => void {
    const timer = setInterval(() => {
      if (!areHeard()) return;
      clearInterval(timer);
      act();
    }, BEAT_MS);
    timer.unref();
    return () => clearInterval(timer);
  }

  const listening = keepListening();
  return {
    areHeard,
    subscribe,
    settle,
    async close() {
      isClosed = true;
      closing.abort();
      await listening;
    },
  };
}

interface Line {
  /** By which proofs are sent. */
  speaker: pg.Client;
  /** Resolves when either end is gone. */
  over: Promise<void>;
  giveUp(): void;
}

async function openLine(url: string, hear: (payload: string) => void, closing: AbortSignal): Promise<Line> {
  const ear = clientOf(url);
  const speaker = clientOf(url);
  let end = (): void => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  function giveUp(): void {
    end();
    // Not end(): a line that is stuck would never have said good-bye.
    for (const client of [ear, speaker]) streamOf(client).destroy();
  }
  for (const client of [ear, speaker]) client.on('error', giveUp).on('end', giveUp);
  closing.addEventListener('abort', giveUp, { once: true });
  void over.then(() => closing.removeEventListener('abort', giveUp));
  ear.on('notification', ({ channel, payload = '' }) => {
    if (channel === CHANNEL) hear(payload);
  });
  try {
    await Promise.all([ear.connect(), speaker.connect()]);
    await ear.query(`LISTEN ${CHANNEL}`);
    closing.throwIfAborted();
    return { speaker, over, giveUp };
  } catch (error) {
    giveUp();
    throw error;
  }
}

function clientOf(url: string): pg.Client {
  return new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
    application_name: 'tessera changes',
    keepAlive: true,
  });
}

function streamOf(client: pg.Client): { destroy(): void } {
  return (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream;
}

async function inTime(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  return Promise.race([work.then(() => true as const), late]).finally(() => clearTimeout(timer));
}

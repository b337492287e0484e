import type { Logger } from 'pino';
import type { TokenLifetimes } from '../auth/expiry.ts';
import type { WaitRules } from '../auth/throttle-rules.ts';
import type { Database } from '../database/client.ts';
import { takeChore } from './chores.ts';
import { pruneAudit } from './prune-audit.ts';
import { pruneTokens } from './prune-tokens.ts';
import { pruneThrottleCounters } from './throttle-counters.ts';

const PRUNE = { name: 'prune tokens', everySeconds: 86_400 };

/** For how long an expired token is still shown to its user. */
export const KEPT_SECONDS = 30 * 86_400;

const FIRST_MS = 60_000;
const EVERY_MS = 3_600_000;

interface DailyPruneOptions {
  database: Database;
  lifetimes: TokenLifetimes;
  throttle: WaitRules;
  /** How long events of the audit trail are kept; null: for ever. */
  auditRetentionSeconds: number | null;
  log: Logger;
  now(): Date;
}

/**
 * Removes long expired tokens, old events of the audit trail, and what the throttle counts no more, once a day,
 * whichever of the servers on the database comes first. It asks every hour, so that servers which are restarted daily
 * do it as well; `stop` resolves when nothing of it is under way.
 */
export function startDailyPrune({
  database,
  lifetimes,
  throttle,
  auditRetentionSeconds,
  log,
  now,
}: DailyPruneOptions): { stop(): Promise<void> } {
  let isStopped = false;
  let underWay: Promise<void> = Promise.resolve();
  let timer = next(FIRST_MS);

  function next(ms: number): NodeJS.Timeout {
    // Servers that were started together need not ask together.
    const asked = setTimeout(
      () => {
        timer = next(EVERY_MS);
        underWay = prune().catch(({ message }: Error) => log.warn({ reason: message }, 'what is old was not removed'));
      },
      ms * (0.9 + Math.random() / 5),
    );
    return asked.unref();
  }

  async function prune(): Promise<void> {
    if (!(await takeChore(database, PRUNE, now()))) return;
    await pruneThrottleCounters(database, throttle, now());
    const expiredAt = new Date(now().getTime() - KEPT_SECONDS * 1000);
    const removed = await sumOf(pruneTokens(database, { expiredAt, lifetimes }));
    if (removed > 0) log.info({ removed }, 'long expired tokens were removed');
    if (auditRetentionSeconds === null || isStopped) return;
    const events = await sumOf(pruneAudit(database, new Date(now().getTime() - auditRetentionSeconds * 1000)));
    if (events > 0) log.info({ removed: events }, 'old events were removed from the audit trail');
  }

  /** Of what each batch was, until it is to stop. */
  async function sumOf(batches: AsyncGenerator<number>): Promise<number> {
    let sum = 0;
    for await (const count of batches) {
      sum += count;
      if (isStopped) break;
    }
    return sum;
  }

  return {
    stop() {
      isStopped = true;
      clearTimeout(timer);
      return underWay;
    },
  };
}

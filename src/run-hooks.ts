import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenEvent } from './accounts/token-event.ts';
import type { TokenEvents } from './accounts/token-events.ts';
import { globalIdOf } from './graphql/global-id.ts';
import type { Hooks, HookTools } from './hooks.ts';

/** As long as requests are given at shutdown. */
const PATIENCE_MS = 10_000;
/** They share the database's connections with requests, which must not wait for them. */
const MOST_AT_A_TIME = 4;
const MOST_WAITING = 10_000;

/** Runs the hooks, if there are any, until it is told to stop, which resolves when those under way have had their time. */
export function runHooks({ onTokenEvent }: Hooks, tokenEvents: TokenEvents, tools: HookTools): () => Promise<void> {
  if (!onTokenEvent) return async () => {};
  const underWay = new Set<Promise<void>>();
  const waiting: TokenEvent[] = [];
  let isBehind = false;

  async function run(event: TokenEvent): Promise<void> {
    const { tokenId, kind } = event;
    try {
      await onTokenEvent?.({ ...event, globalTokenId: globalIdOf('Token', tokenId) }, tools);
    } catch (error) {
      tools.log.error({ err: error, tokenId, kind }, 'the hook onTokenEvent failed');
    }
  }

  function runWaiting(): void {
    while (underWay.size < MOST_AT_A_TIME) {
      const event = waiting.shift();
      if (!event) {
        isBehind = false;
        return;
      }
      const running = run(event).finally(() => {
        underWay.delete(running);
        runWaiting();
      });
      underWay.add(running);
    }
  }

  function lose(): void {
    tools.log.warn('the hook onTokenEvent may have missed events');
  }

  const stop = tokenEvents.subscribe(null, {
    hear(event) {
      if (waiting.length < MOST_WAITING) {
        waiting.push(event);
        runWaiting();
      } else if (!isBehind) {
        // Once, until it has caught up.
        isBehind = true;
        lose();
      }
    },
    lose,
  });
  return async () => {
    stop();
    waiting.length = 0;
    await Promise.race([Promise.allSettled(underWay), sleep(PATIENCE_MS, undefined, { ref: false })]);
  };
}

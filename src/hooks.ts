import type { Logger } from 'pino';
import type { TokenEventKind } from './accounts/token-event.ts';
import type { Database } from './database/client.ts';

/** What has happened to a token, as a hook is told. */
export interface HookedTokenEvent {
  kind: TokenEventKind;
  /** As it stands in the table. */
  tokenId: string;
  /** As the API knows it. */
  globalTokenId: string;
  userId: string;
  name: string;
  at: Date;
}

export interface HookTools {
  database: Database;
  log: Logger;
}

/** Code of your own that the server runs. What it throws is logged, and ends nothing. */
export interface Hooks {
  /**
   * Runs for every user's tokens, whoever did it: through the API, by a command, or in SQL. Every node runs it once for
   * each event, an expiry up to a minute late, several at a time. A token meets each kind once: what must be done once,
   * whatever the number of nodes, can be claimed by inserting (tokenId, kind) into a table of yours where that is
   * unique. What happens while a node is down, or cannot hear the database, its hook is not told.
   */
  onTokenEvent?(event: HookedTokenEvent, tools: HookTools): void | Promise<void>;
}

/** What `npm start` runs. Put yours here. */
export const hooks: Hooks = {};

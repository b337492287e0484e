import type { Logger } from 'pino';
import { batched } from './accounts/batched.ts';
import type { PasswordProofs } from './accounts/password-proofs.ts';
import { createTokenEvents, type TokenEvents } from './accounts/token-events.ts';
import { createViewerWatch, type ViewerWatch } from './accounts/viewer-watch.ts';
import { findViewers } from './accounts/viewers.ts';
import type { AccessTokens } from './auth/access-token.ts';
import { isExpired } from './auth/expiry.ts';
import type { Scheme } from './auth/scheme.ts';
import { type Config, tokenRulesOf } from './config.ts';
import type { OpenDatabase } from './database/open.ts';
import type { Hooks } from './hooks.ts';
import { runHooks } from './run-hooks.ts';
import { createSchemes } from './schemes.ts';

interface StreamParts extends Pick<OpenDatabase, 'database' | 'tokenSecrets' | 'changes'> {
  accessTokens: AccessTokens | null;
  proveAgain: PasswordProofs['proveAgain'];
  log: Logger;
  now(): Date;
  hooks: Hooks;
}

/** What a server has for what lasts: events, and the watch over whoever is told of them. */
export interface Streams {
  tokenEvents: TokenEvents;
  watch: ViewerWatch;
  /** By which the callers of open streams are judged anew: several at once are looked up in one query. */
  schemes: readonly Scheme[];
  /** Ends every stream at once; resolves when the hooks under way have finished. */
  close(): Promise<void>;
}

export function createStreams(config: Config, parts: StreamParts): Streams {
  const { database, tokenSecrets, accessTokens, proveAgain, changes, log, now, hooks } = parts;
  const lifetimes = config.tokenLifetimes;
  const tokenEvents = createTokenEvents({ database, changes, rules: tokenRulesOf(config), now });
  const watch = createViewerWatch({
    changes,
    // Who came by a password alone may be no longer good without a word: no notice tells that it was changed.
    isExpired: ({ token }) => token === null || isExpired(token, lifetimes, now()),
    onFailure: (err) => log.warn({ err }, 'a stream was ended: its caller could not be looked up'),
  });
  const stopHooks = runHooks(hooks, tokenEvents, { database, log });
  const findViewer = batched((tokenIds) => findViewers(database, tokenIds));
  return {
    tokenEvents,
    watch,
    schemes: createSchemes(config, { tokenSecrets, accessTokens, findViewer, prove: proveAgain, now }),
    async close() {
      watch.close();
      const hooksDone = stopHooks();
      tokenEvents.close();
      await hooksDone;
    },
  };
}

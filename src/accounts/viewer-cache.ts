import type { TokenViewer } from '../auth/viewer.ts';
import type { Change, Changes } from '../database/changes.ts';
import { growingLru } from '../growing-lru.ts';
import type { Promptly } from '../promptly.ts';
import { createMultimap } from './multimap.ts';

interface ViewerCacheOptions {
  /** One query. */
  lookUp(tokenId: string): Promise<TokenViewer | null>;
  /** Whether a viewer that is kept looks expired. Used through another node since, he may not be. */
  isExpired(viewer: TokenViewer): boolean;
  changes: Changes;
  /** How many viewers are kept at most; 0: none. */
  size: number;
}

/** How often the cache has spared a query since the start, how often not, and how many it keeps. */
export interface ViewerCacheFigures {
  hits: number;
  misses: number;
  size: number;
}

/** Whom keys belong to, kept in memory for as long as it is certain that nothing has changed. */
export interface ViewerCache {
  /** The token of this id with its user, or null; one query, or none. */
  find(tokenId: string): Promptly<TokenViewer | null>;
  /** As find, from the database whatever is kept. */
  findAnew(tokenId: string): Promise<TokenViewer | null>;
  figures(): ViewerCacheFigures;
  close(): void;
}

/**
 * A look-up that remembers. What is kept of a token or user is dropped when a change of it is told, and nothing that is
 * kept is used while changes are not heard. A look-up in whose course anything changed is not kept: it may have read
 * what was there before.
 */
export function createViewerCache({ lookUp, isExpired, changes, size }: ViewerCacheOptions): ViewerCache {
  /** By a user's id, the ids of his tokens that are kept. */
  const tokensOf = createMultimap<string, string>();
  const kept = size > 0 ? growingLru<TokenViewer>(size, forget) : null;
  const underWay = new Map<string, Promise<TokenViewer | null>>();
  const counted = { hits: 0, misses: 0 };
  let epoch = 0;

  function forget({ user }: TokenViewer, tokenId: string): void {
    tokensOf.delete(user.id, tokenId);
  }

  function drop(change: Change): void {
    // Nobody has been told of what was not there: that a token is none is never kept.
    if (change.table === 'SigningKey' || (change.table === 'Token' && change.operation === 'INSERT')) return;
    epoch += 1;
    // Whoever asks from now on must not be given what was read before.
    underWay.clear();
    if (change.table === null) kept?.clear();
    else if (change.table === 'Token') kept?.delete(change.id);
    else for (const tokenId of [...tokensOf.get(change.id)]) kept?.delete(tokenId);
  }

  async function findAnew(tokenId: string): Promise<TokenViewer | null> {
    const before = epoch;
    const wasHeard = changes.areHeard();
    const viewer = await lookUp(tokenId);
    if (kept && viewer && wasHeard && epoch === before && changes.areHeard()) {
      kept.set(tokenId, viewer);
      tokensOf.add(viewer.user.id, tokenId);
    }
    return viewer;
  }

  function find(tokenId: string): Promptly<TokenViewer | null> {
    const known = kept && changes.areHeard() ? kept.get(tokenId) : undefined;
    if (known && !isExpired(known)) {
      counted.hits += 1;
      return known;
    }
    counted.misses += 1;
    if (!kept || !changes.areHeard()) return lookUp(tokenId);
    const asked = underWay.get(tokenId);
    if (asked) return asked;
    const asking = findAnew(tokenId).finally(() => {
      if (underWay.get(tokenId) === asking) underWay.delete(tokenId);
    });
    underWay.set(tokenId, asking);
    return asking;
  }

  return {
    find,
    findAnew,
    figures: () => ({ ...counted, size: kept?.size ?? 0 }),
    close: changes.subscribe(drop),
  };
}

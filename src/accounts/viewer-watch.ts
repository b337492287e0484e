import type { Viewer } from '../auth/viewer.ts';
import type { Change, Changes } from '../database/changes.ts';
import { overloaded, RequestRefused } from '../errors.ts';
import { inTime } from '../in-time.ts';
import { createMultimap } from './multimap.ts';

interface ViewerWatchOptions {
  changes: Changes;
  /** Whether his credential's time looks over. */
  isExpired(viewer: Viewer): boolean;
  /** Told why somebody could not be judged, and so had to end. */
  onFailure(error: unknown): void;
}

/** Something long that is done for a viewer. */
interface Watched {
  /** For whom, as last judged; null: for a stranger, who stays one. */
  viewer(): Viewer | null;
  /** Judges him anew. Throws RequestRefused when he may not go on. */
  judge(): Promise<unknown>;
  /** Called once, when it must not go on. */
  end(refusal: RequestRefused): void;
}

/** Whoever is watched is judged anew when he, or his token, may no longer be what he was. */
export interface ViewerWatch {
  /** How often anything has changed. To be asked before the viewer is looked up. */
  epoch(): number;
  /** Watches from now on; of a change since that epoch it is too late to be told. Returns how to stop. */
  watch(watched: Watched, since: number): () => void;
  /** How many are watched. */
  count(): number;
  /** How many are watched for this user. */
  countOf(userId: string): number;
  /** Ends all that is watched, and all that comes. */
  close(): void;
}

/** While changes are not heard, all are judged at each tick; else those whose time may be over. */
const TICK_MS = 200;
/** Whoever cannot be judged for so long is not known to be good. */
const PATIENCE_MS = 500;

export function createViewerWatch({ changes, isExpired, onFailure }: ViewerWatchOptions): ViewerWatch {
  /** Each with how to take it off the lists below. */
  const all = new Map<Watched, () => void>();
  const byUser = createMultimap<string, Watched>();
  const byToken = createMultimap<string, Watched>();
  const due = new Set<Watched>();
  let epoch = 0;
  let isJudging = false;
  let isClosed = false;
  let ticking: NodeJS.Timeout | null = null;
  const unsubscribe = changes.subscribe(hear);

  function hear(change: Change): void {
    epoch += 1;
    // By a key that is revoked, anybody may have come.
    if (change.table === null || change.table === 'SigningKey') judgeSoon(all.keys());
    else judgeSoon((change.table === 'User' ? byUser : byToken).get(change.id));
  }

  function tick(): void {
    judgeSoon(changes.areHeard() ? [...all.keys()].filter(looksExpired) : all.keys());
  }

  function looksExpired(watched: Watched): boolean {
    const viewer = watched.viewer();
    return viewer !== null && isExpired(viewer);
  }

  function judgeSoon(some: Iterable<Watched>): void {
    for (const watched of some) if (watched.viewer()) due.add(watched);
    if (!isJudging && due.size > 0) void judgeDue();
  }

  /** One round after the other: what changes during a round is judged in the next. */
  async function judgeDue(): Promise<void> {
    isJudging = true;
    while (due.size > 0) {
      const round = [...due];
      due.clear();
      await Promise.all(round.map(judge));
    }
    isJudging = false;
  }

  async function judge(watched: Watched): Promise<void> {
    if (!all.has(watched)) return;
    try {
      const isJudged = await inTime(watched.judge(), PATIENCE_MS);
      if (!isJudged) throw new Error('The caller could not be looked up in time.');
    } catch (error) {
      if (!all.has(watched)) return;
      if (!(error instanceof RequestRefused)) onFailure(error);
      end(watched, error instanceof RequestRefused ? error : overloaded());
    }
  }

  function end(watched: Watched, refusal: RequestRefused): void {
    forget(watched);
    watched.end(refusal);
  }

  function forget(watched: Watched): void {
    all.get(watched)?.();
    all.delete(watched);
    due.delete(watched);
    if (all.size > 0 || !ticking) return;
    clearInterval(ticking);
    ticking = null;
  }

  /** Under whom and what he is now, whatever he may become. */
  function list(watched: Watched): () => void {
    const { user, token } = watched.viewer() ?? { user: null, token: null };
    if (user) byUser.add(user.id, watched);
    if (token) byToken.add(token.id, watched);
    return () => {
      if (user) byUser.delete(user.id, watched);
      if (token) byToken.delete(token.id, watched);
    };
  }

  return {
    epoch: () => epoch,
    watch(watched, since) {
      all.set(watched, list(watched));
      ticking ??= setInterval(tick, TICK_MS).unref();
      if (isClosed) end(watched, overloaded());
      else if (epoch !== since || !changes.areHeard()) judgeSoon([watched]);
      return () => forget(watched);
    },
    count: () => all.size,
    countOf: (userId) => byUser.get(userId).size,
    close() {
      isClosed = true;
      unsubscribe();
      for (const watched of all.keys()) end(watched, overloaded());
    },
  };
}

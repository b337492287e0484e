import { inTime } from '../in-time.ts';
import { type Line, openLine, reasonOf, sendOnce } from './line.ts';
import { createProofs, type Proofs } from './proofs.ts';

const INTRODUCTION_MS = 2_000;

/** By what a database is reached. */
export interface Ways {
  /** The server itself, not a pooler in front of it. */
  url: string;
  /** The way that everything else goes: the same, or that of a pooler. */
  databaseUrl: string;
}

/** Why changes cannot be heard. */
export interface Deafness {
  /** Whether the line could not be opened, or no proof came in by it. */
  at: 'line' | 'proof';
  reason: string;
  code: string | undefined;
}

/** Has the first proof go the way that writes go: the two URLs may name different databases. Throws when it is not heard. */
export async function introduce(line: Line, proofs: Proofs, ways: Ways, closing: AbortSignal): Promise<void> {
  const { url, databaseUrl } = ways;
  const send = databaseUrl === url ? line.send : (payload: string) => sendOnce(databaseUrl, payload, closing);
  const isOver = line.over.then(() => {});
  if (await inTime(Promise.race([proofs.prove(send), isOver]), INTRODUCTION_MS)) return;
  throw new Error(
    databaseUrl === url
      ? 'notices do not come through DATABASE_URL; where it goes through a pooler, set DIRECT_DATABASE_URL to the server itself'
      : 'what is written by DATABASE_URL is not heard by DIRECT_DATABASE_URL, which must name the same database, past the pooler',
  );
}

/** Why changes could not be heard now; null when they can. */
export async function findDeafness(ways: Ways): Promise<Deafness | null> {
  const proofs = createProofs();
  const closing = new AbortController();
  let at: Deafness['at'] = 'line';
  try {
    const line = await openLine({ url: ways.url, hear: proofs.takeIn, closing: closing.signal });
    at = 'proof';
    await introduce(line, proofs, ways, closing.signal);
    return null;
  } catch (error) {
    return { at, reason: reasonOf(error), code: (error as { code?: string }).code };
  } finally {
    closing.abort();
  }
}

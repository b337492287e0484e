import { randomUUID } from 'node:crypto';

/** The header by which a request brings its id, and an answer tells it. */
export const REQUEST_ID_HEADER = 'X-Request-Id';

/**
 * What others make: UUIDs, numbers in hex, base64, a path of ids. Neither blanks nor quotes nor line ends, with which
 * somebody could write a log line of his own, or end a header; nor a comma, by which several headers become one.
 */
const WELL_FORMED = /^[A-Za-z0-9._:+/=@-]{1,128}$/;

/** The id that a request has brought, or a new one where it has brought none that is well-formed. */
export function requestIdOf(sent: string | null | undefined): string {
  return sent && WELL_FORMED.test(sent) ? sent : randomUUID();
}

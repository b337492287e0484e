import { overloaded, type RequestRefused } from '../errors.ts';

const MESSAGE = 'The database does not answer just now. Try again in a moment.';

/**
 * What PostgreSQL says when it cannot do now what it could a moment ago: a broken connection (08), no resources left
 * (53), going down or coming up (57P01 to 57P03), too slow a statement (57014), lock (55P03) or transaction (25P03), or
 * a primary that has become a replica (25006). Source: PostgreSQL, appendix A, "Error Codes".
 */
const SQL_STATES = /^(08\w{3}|53\w{3}|57P0[123]|57014|55P03|25P03|25006)$/;

/** Prisma's own: unreachable, closed, timed out, no connection or transaction to be had in time. */
const PRISMA_CODES = ['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2037'];

/** What its adapter makes of a socket's error, whose code is lost in a raw query. */
const ADAPTER_KINDS = ['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections'];

const SOCKET_CODES = [
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN'],
];

/** What `pg` and its pool say without a code. */
const MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Client (has encountered a connection error|was closed) and is not queryable)/;

/** Where the reason stands in errors of Prisma: its own `meta` holds the adapter's error, whose cause holds the code. */
interface Layers {
  code?: unknown;
  originalCode?: unknown;
  kind?: unknown;
  message?: unknown;
  cause?: unknown;
  meta?: { driverAdapterError?: unknown };
}

/**
 * The refusal of a request because the database is not there for it, or null when the error is another. Whether a
 * write came through whose answer was lost, nobody knows: it is not tried again here.
 */
export function refusalWhenAway(error: unknown): RequestRefused | null {
  return isAway(error) ? overloaded(MESSAGE) : null;
}

/** What this error says, in one line and without what was asked. */
export function reasonOfAway(error: unknown): string {
  const { message } = error as Layers;
  return String(message).trim().split('\n').at(-1) ?? '';
}

function isAway(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false;
  const { code, originalCode, kind, message, cause, meta } = error as Layers;
  return (
    [code, originalCode].some(isCodeOfAway) ||
    ADAPTER_KINDS.includes(String(kind)) ||
    (error instanceof Error && typeof message === 'string' && MESSAGES.test(message)) ||
    isAway(meta?.driverAdapterError, depth + 1) ||
    isAway(cause, depth + 1)
  );
}

function isCodeOfAway(code: unknown): boolean {
  return (
    typeof code === 'string' && (SQL_STATES.test(code) || PRISMA_CODES.includes(code) || SOCKET_CODES.includes(code))
  );
}

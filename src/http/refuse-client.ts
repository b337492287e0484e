import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { writeWaiting } from './outgoing.ts';
import { SECURITY_HEADERS } from './use-security-headers.ts';

/** What Node finds wrong with a request before there is one, and how it is answered. */
const REFUSALS: Record<string, { status: number; text: string }> = {
  HPE_HEADER_OVERFLOW: { status: 431, text: 'the headers are too long' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, text: 'the body is too long' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, text: 'the request did not come in time' },
};
const MALFORMED = { status: 400, text: 'the request is malformed' };

/** Answers a client whose request could not be read to its end, as far as it can still be answered, and hangs up. */
export function refuseClient(error: NodeJS.ErrnoException, socket: Socket): void {
  // One that was made a moment ago, on this connection, is an answer to what came before.
  writeWaiting();
  // What Node itself looks at before it answers: in the middle of another answer this one would be part of it.
  const { _httpMessage: underWay } = socket as Socket & { _httpMessage?: ServerResponse | null };
  if (!socket.writable || error.code === 'ECONNRESET' || underWay?.headersSent) {
    socket.destroy();
    return;
  }
  const { status, text } = REFUSALS[error.code ?? ''] ?? MALFORMED;
  const body = statusBody(text);
  const headers = {
    ...STATUS_HEADERS,
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`, () => socket.destroy());
}

/** What stands on every answer that is none of GraphQL's. */
export const STATUS_HEADERS = {
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
  ...SECURITY_HEADERS,
};

export function statusBody(text: string): string {
  return `${JSON.stringify({ status: text })}\n`;
}

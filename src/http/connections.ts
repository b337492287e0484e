import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from '../auth/networks.ts';

export interface ConnectionLimits {
  /** How many connections there may be; null: somebody else sees to that. */
  most: number | null;
  /** How many connections one client may have, told by the network of its address; null: as many as there may be. */
  perAddress: number | null;
  /** Whether many clients come by this address. */
  isTrustedProxy(address: string): boolean;
  /** How long an answer may wait for a client that does not read it. */
  stalledMs: number;
}

const LOOK_EVERY_MS = 500;

/** How far an answer has come on its way to the client, and since when no further. */
interface Progress {
  at: string;
  since: number;
}

/** A socket, and how many bytes of what was handed on the kernel has not taken yet. */
type Counted = Socket & { _handle: { writeQueueSize?: number } | null };

/** Holds the server's connections to these limits: whoever has too many gets no more, and who does not read is cut off. */
export function limitConnections(
  server: Server,
  { most, perAddress, isTrustedProxy, stalledMs }: ConnectionLimits,
): void {
  const counts = new Map<string, number>();
  const open = new Map<Socket, Progress>();

  function countIn(socket: Socket): void {
    const address = socket.remoteAddress;
    if (perAddress === null || address === undefined || isTrustedProxy(address)) return;
    const network = networkOf(address);
    const count = (counts.get(network) ?? 0) + 1;
    counts.set(network, count);
    socket.once('close', () => {
      const left = (counts.get(network) ?? 1) - 1;
      if (left > 0) counts.set(network, left);
      else counts.delete(network);
    });
    // Without a word: an answer would cost more than the connection.
    if (count > perAddress) socket.destroy();
  }

  function endStalled(longestMs: number): void {
    const now = performance.now();
    for (const [socket, progress] of open) {
      const at = placeOf(socket);
      if (socket.writableLength === 0 || at !== progress.at) {
        open.set(socket, { at, since: now });
      } else if (now - progress.since >= longestMs) {
        socket.destroy();
      }
    }
  }

  server.on('connection', (socket) => {
    open.set(socket, { at: placeOf(socket), since: performance.now() });
    socket.once('close', () => open.delete(socket));
    countIn(socket);
    if (most !== null && open.size > most) socket.destroy();
  });
  const timer = setInterval(endStalled, LOOK_EVERY_MS, stalledMs).unref();
  server.once('close', () => clearInterval(timer));
}

// Within one long write, too: it is done only when all of it is taken.
function placeOf(socket: Socket): string {
  return `${socket.bytesWritten - socket.writableLength} ${(socket as Counted)._handle?.writeQueueSize}`;
}

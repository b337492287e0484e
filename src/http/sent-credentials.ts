import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { SentCredentials } from '../auth/scheme.ts';
import type { Sender } from '../auth/sender.ts';
import { nodeRequestOf } from './node-request.ts';

const LOOPBACK = /^(?:::1|(?:::ffff:)?127\.\d+\.\d+\.\d+)$/;
const LOCAL_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** What schemes read of a request. Whoever lies about the way that it came by fools himself alone. */
export function sentCredentials(request: Request, serverContext: object, sender: () => Sender): SentCredentials {
  return new Sent(request, serverContext, sender);
}

// A class: an object with getters that is written out is made as slowly as a class itself, for each request.
class Sent implements SentCredentials {
  readonly #request: Request;
  readonly #serverContext: object;
  readonly #sender: () => Sender;

  constructor(request: Request, serverContext: object, sender: () => Sender) {
    this.#request = request;
    this.#serverContext = serverContext;
    this.#sender = sender;
  }

  get(name: string): string | null {
    return this.#request.headers.get(name);
  }

  get sender(): Sender {
    return this.#sender();
  }

  get isPrivate(): boolean {
    return isPrivate(this.#request, nodeRequestOf(this.#serverContext));
  }
}

function isPrivate(request: Request, req: IncomingMessage | undefined): boolean {
  const forwarded = request.headers.get('x-forwarded-proto');
  // A proxy that another one stands in front of adds its own: the first is what the client used.
  if (forwarded !== null) return forwarded.split(',', 1)[0]?.trim().toLowerCase() === 'https';
  if (req) {
    // Whatever its type says: gone with a connection that was given up.
    const socket: Socket | null = req.socket;
    return socket !== null && ('encrypted' in socket || LOOPBACK.test(socket.remoteAddress ?? ''));
  }
  const { protocol, hostname } = new URL(request.url);
  return protocol === 'https:' || LOCAL_HOST.test(hostname);
}

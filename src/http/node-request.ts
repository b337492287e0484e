import type { IncomingMessage } from 'node:http';

/** The request as Node has read it, of what Yoga passes along; undefined where it came by no connection. */
export function nodeRequestOf(serverContext: object): IncomingMessage | undefined {
  return (serverContext as { req?: IncomingMessage }).req;
}

import type { IncomingMessage } from 'node:http';
import { RequestRefused } from '../errors.ts';
import { nodeRequestOf } from './node-request.ts';

const NAME = 'authorization';

/** Throws RequestRefused: Node keeps the first of several Authorization headers; a proxy in front may have judged another. */
export function refuseTwoAuthorizations(serverContext: object): void {
  const req = nodeRequestOf(serverContext);
  if (req && authorizationsOf(req) > 1) {
    throw new RequestRefused('BAD_REQUEST', 'Two Authorization headers were sent. Send one.');
  }
}

/** How many Authorization headers were sent. */
export function authorizationsOf({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === NAME.length && name.toLowerCase() === NAME) count += 1;
  }
  return count;
}

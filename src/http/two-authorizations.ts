import type { IncomingMessage } from 'node:http';
import { RequestRefused } from '../errors.ts';

/** Throws RequestRefused: Node keeps the first of several Authorization headers; a proxy in front may have judged another. */
export function refuseTwoAuthorizations(serverContext: object): void {
  const { req } = serverContext as { req?: IncomingMessage };
  if ((req?.headersDistinct.authorization?.length ?? 0) > 1) {
    throw new RequestRefused('BAD_REQUEST', 'Two Authorization headers were sent. Send one.');
  }
}

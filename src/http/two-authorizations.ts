import { RequestRefused } from '../errors.ts';
import { nodeRequestOf } from './node-request.ts';

/** Throws RequestRefused: Node keeps the first of several Authorization headers; a proxy in front may have judged another. */
export function refuseTwoAuthorizations(serverContext: object): void {
  const req = nodeRequestOf(serverContext);
  if ((req?.headersDistinct.authorization?.length ?? 0) > 1) {
    throw new RequestRefused('BAD_REQUEST', 'Two Authorization headers were sent. Send one.');
  }
}

import { MOST_AGENT_CHARACTERS, type Sender } from '../auth/sender.ts';
import type { AddressOf } from './address.ts';
import { nodeRequestOf } from './node-request.ts';
import type { RequestEntries } from './use-request-log.ts';

/** Where this request comes from. */
export type SenderOf = (request: Request, serverContext: object) => Sender;

export function createSenderOf(addressOf: AddressOf, entries: RequestEntries): SenderOf {
  return (request, serverContext) => ({
    address: addressOf(nodeRequestOf(serverContext)),
    userAgent: request.headers.get('user-agent')?.slice(0, MOST_AGENT_CHARACTERS) ?? null,
    requestId: entries.get(request)?.requestId ?? null,
  });
}

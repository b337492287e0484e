import { MOST_AGENT_CHARACTERS, type Sender } from '../auth/sender.ts';
import { redact } from '../redact.ts';
import type { AddressOf } from './address.ts';
import { nodeRequestOf } from './node-request.ts';
import type { RequestEntries } from './use-request-log.ts';

/** Where this request comes from. */
export type SenderOf = (request: Request, serverContext: object) => Sender;

export function createSenderOf(addressOf: AddressOf, entries: RequestEntries): SenderOf {
  return (request, serverContext) => ({
    address: addressOf(nodeRequestOf(serverContext)),
    // Read where something is told of it: of most requests that are refused nothing is.
    get userAgent() {
      return kept(request.headers.get('user-agent')?.slice(0, MOST_AGENT_CHARACTERS));
    },
    get requestId() {
      return kept(entries.get(request)?.requestId);
    },
  });
}

/** As the log has it: what somebody has pasted there by mistake could not be taken out of the trail again. */
function kept(text: string | undefined): string | null {
  return text === undefined ? null : redact(text);
}

import { MOST_AGENT_CHARACTERS, type Sender } from '../auth/sender.ts';
import { redact } from '../redact.ts';
import type { AddressOf } from './address.ts';
import { nodeRequestOf } from './node-request.ts';
import type { RequestEntries } from './use-request-log.ts';

/** Where this request comes from. */
export type SenderOf = (request: Request, serverContext: object) => Sender;

export function createSenderOf(addressOf: AddressOf, entries: RequestEntries): SenderOf {
  return (request, serverContext) => new Told(request, addressOf(nodeRequestOf(serverContext)), entries);
}

// A class, as Sent: of most requests nothing is told.
class Told implements Sender {
  readonly address: string | null;
  readonly #request: Request;
  readonly #entries: RequestEntries;

  constructor(request: Request, address: string | null, entries: RequestEntries) {
    this.address = address;
    this.#request = request;
    this.#entries = entries;
  }

  get userAgent(): string | null {
    return kept(this.#request.headers.get('user-agent')?.slice(0, MOST_AGENT_CHARACTERS));
  }

  get requestId(): string | null {
    return kept(this.#entries.get(this.#request)?.requestId);
  }
}

/** As the log has it: what somebody has pasted there by mistake could not be taken out of the trail again. */
function kept(text: string | undefined): string | null {
  return text === undefined ? null : redact(text);
}

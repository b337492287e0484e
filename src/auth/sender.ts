/** Where a request came from; null, each of them: not known. */
export interface Sender {
  address: string | null;
  /** What the client calls itself, no longer than `MOST_AGENT_CHARACTERS`. */
  userAgent: string | null;
  requestId: string | null;
}

/** What clients call themselves is kept: they could fill a disk with it. */
export const MOST_AGENT_CHARACTERS = 256;

/** Of what came by no request. */
export const NO_SENDER: Sender = { address: null, userAgent: null, requestId: null };

/** All that it says, to be kept: a server's sender reads it from the request when it is asked. */
export function readSender({ address, userAgent, requestId }: Sender): Sender {
  return { address, userAgent, requestId };
}

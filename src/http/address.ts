import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { parseAddress, parseNetwork, parseSocketAddress, spellingOf } from '../auth/networks.ts';

/** Where a request comes from; null: it came by no connection. */
export type AddressOf = (req: IncomingMessage | undefined) => string | null;

/**
 * The other end of a request's connection or, where that is a trusted proxy, what the proxy says of it in
 * `X-Forwarded-For`, read from the end on as long as the proxies named there are trusted, too. Whatever stands before
 * them, the client can have written itself. `noteUntrusted` is called once, when somebody else speaks for others: a
 * proxy, perhaps, that nobody has named, whose clients count as one.
 */
export function createAddressOf(
  trustedProxies: readonly string[],
  noteUntrusted: (address: string) => void = () => {},
): AddressOf {
  let isNoted = false;
  const isTrusted = trustingParsed(trustedProxies);

  return (req) => {
    // Whatever its type says: gone with a connection that was given up.
    const socket: Socket | null | undefined = req?.socket;
    const remote = socket?.remoteAddress ?? '';
    const forwarded = req?.headers['x-forwarded-for'];
    if (forwarded === undefined) return spellingOf(remote);
    let address = parseSocketAddress(remote);
    if (!address) return null;
    if (!isTrusted(address) && !isNoted) {
      isNoted = true;
      noteUntrusted(address.toString());
    }
    const named = String(forwarded).split(',');
    while (isTrusted(address)) {
      // A proxy that names nobody, or what is no address, stands for its client itself.
      const before = parseAddress(withoutPort(named.pop()?.trim() ?? ''));
      if (!before) break;
      address = before;
    }
    return address.toString();
  };
}

type Address = NonNullable<ReturnType<typeof parseAddress>>;

/** Whether an address, as a socket names it, is one of these or in one of these networks. */
export function trusting(trustedProxies: readonly string[]): (address: string) => boolean {
  const isTrusted = trustingParsed(trustedProxies);
  return (text) => {
    const address = parseSocketAddress(text);
    return address !== null && isTrusted(address);
  };
}

function trustingParsed(trustedProxies: readonly string[]): (address: Address) => boolean {
  const networks = trustedProxies.flatMap((text) => {
    const network = parseNetwork(text);
    return network ? [network] : [];
  });
  return (address) => networks.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits));
}

/** Some proxies add the client's port. */
function withoutPort(text: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}

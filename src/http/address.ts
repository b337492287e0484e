import type { IncomingMessage } from 'node:http';
import { parseAddress, parseNetwork } from '../config/networks.ts';

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
  const networks = trustedProxies.flatMap((text) => {
    const network = parseNetwork(text);
    return network ? [network] : [];
  });

  function isTrusted(address: Address): boolean {
    return networks.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits));
  }

  return (req) => {
    let address = parseAddress(req?.socket.remoteAddress ?? '');
    if (!address) return null;
    const forwarded = req?.headers['x-forwarded-for'];
    if (forwarded === undefined) return address.toString();
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

/** Some proxies add the client's port. */
function withoutPort(text: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}

import ipaddr from 'ipaddr.js';

/** Of IPv6 a customer has a network of 64 bits at least, and all its addresses. */
const NETWORK_BYTES = 8;

const MOST_REMEMBERED = 1_000;

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** An IP address, read; null when it is none. One of IPv4 that is written as IPv6 (`::ffff:127.0.0.1`) is one of IPv4. */
export function parseAddress(text: string): Address | null {
  // Of IPv4, four numbers alone: other spellings are read differently by others. And no zone: it means this machine's.
  const isAddress = ipaddr.IPv4.isValidFourPartDecimal(text) || (ipaddr.IPv6.isValid(text) && !text.includes('%'));
  return isAddress ? ipaddr.process(text) : null;
}

/** An address, or a network as `10.0.0.0/8`, by its first address and the bits that all of it share; null: neither. */
export function parseNetwork(text: string): [Address, number] | null {
  const [base = '', bits, ...rest] = text.split('/');
  const address = parseAddress(base);
  if (!address || rest.length > 0) return null;
  const most = address.kind() === 'ipv4' ? 32 : 128;
  if (bits === undefined) return [address, most];
  return /^\d{1,3}$/.test(bits) && Number(bits) <= most ? [address, Number(bits)] : null;
}

/** What of an address tells one client from another: all of IPv4's, and of IPv6's the network that a customer has. */
export const networkOf = remembering((address) => {
  const parsed = parseAddress(address);
  if (!parsed) return address;
  return parsed.kind() === 'ipv4' ? parsed.toString() : parsed.toByteArray().slice(0, NETWORK_BYTES).join('.');
});

/** An address as a socket names it, with the interface by which an address of one link was reached; null when it is none. */
export function parseSocketAddress(text: string): Address | null {
  return parseAddress(text.split('%', 1)[0] ?? '');
}

/** As parseSocketAddress, written in one way alone. */
export const spellingOf = remembering((text: string) => parseSocketAddress(text)?.toString() ?? null);

/** The same addresses are asked for again and again, and reading one takes as long as proving a key. */
function remembering<Read>(read: (text: string) => Read): (text: string) => Read {
  const known = new Map<string, Read>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    if (known.size >= MOST_REMEMBERED) known.clear();
    const result = read(text);
    known.set(text, result);
    return result;
  };
}

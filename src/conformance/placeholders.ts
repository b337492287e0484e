import { randomBytes } from 'node:crypto';
import type { AtHand } from './at-hand.ts';
import type { Kept } from './case.ts';
import type { Reply } from './exchange.ts';
import { partsOf } from './summary.ts';

/** What stands for what in a case's strings, each name in angle brackets there. */
export type Placeholders = Readonly<Record<string, string>>;

/** The placeholders that can be filled in with what is at hand. Good for one case: those made up are made up anew. */
export function placeholdersFor({ user, inactive, pairs, origin }: AtHand): Placeholders {
  const nobody = `nobody-${randomBytes(8).toString('hex')}`;
  return {
    origin,
    // What the judge alone fills in: any string, and any but the key at hand.
    'any text': '<any text>',
    'another key': '<another key>',
    'unknown key': `tsr_${randomBytes(32).toString('base64url')}`,
    'unknown username': nobody,
    'unknown basic': basicOf(nobody, nobody),
    ...(user && {
      username: user.username,
      password: user.password,
      'trimmed password': user.password.trim(),
      'token name': user.tokenName,
      key: user.key,
      'forged key': forge(user.key),
      'respelt key': user.key.slice(0, -1) + neighbourOf(user.key.slice(-1)),
      'padded key': `${user.key}=`,
      basic: basicOf(user.username, user.password),
      'wrong basic': basicOf(user.username, `${user.password} `),
      'name alone basic': Buffer.from(user.username).toString('base64'),
    }),
    ...(inactive && {
      'inactive username': inactive.username,
      'inactive password': inactive.password,
      'inactive basic': basicOf(inactive.username, inactive.password),
      ...(inactive.key !== null && { 'inactive key': inactive.key }),
    }),
    ...pairPlaceholders(pairs),
  };
}

function pairPlaceholders(pairs: AtHand['pairs']): Placeholders {
  const named = Object.entries(pairs).flatMap(([name, { access, refresh }]) => [
    [`${name} access`, access],
    [`${name} refresh`, refresh],
  ]);
  return Object.fromEntries(named);
}

/** What stands for what was kept of this reply, and for the forged form of each; nothing where the reply has none of it. */
export function keptFrom(reply: Reply, keep: Readonly<Record<string, Kept>> = {}): Placeholders {
  const found = Object.entries(keep).flatMap(([name, kept]) => {
    const value = kept === 'cookie' ? cookieOf(reply) : valueAt(partsOf(reply.body).data, kept);
    return typeof value === 'string' ? [[name, value] as const, [`forged ${name}`, forgeEnd(value)] as const] : [];
  });
  return Object.fromEntries(found);
}

function cookieOf({ headers }: Reply): string | undefined {
  return /^[^=;,\s]+=[^;,\s]+/.exec(headers['set-cookie'] ?? '')?.[0];
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((within, name) => (within as Record<string, unknown> | null | undefined)?.[name], value);
}

function basicOf(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}

/** Those of them that nobody may read. */
export function secretsIn(placeholders: Placeholders): Placeholders {
  const secret = Object.entries(placeholders).filter(
    ([name]) => /(key|password|basic|cookie|access|refresh)$/.test(name) && name !== 'another key',
  );
  return Object.fromEntries(secret);
}

/** The value with every placeholder in its strings filled in. Throws where a case asks for what was not at hand. */
export function fill<Value>(value: Value, placeholders: Placeholders): Value {
  return mapStrings(value, (text) =>
    text.replaceAll(/<([a-z ]+)>/g, (_match, name: string) => {
      const given = placeholders[name];
      if (given === undefined) throw new Error(`A case uses <${name}> without saying that it needs it.`);
      return given;
    }),
  ) as Value;
}

/** The value with a function applied to every string in it, keys of objects left alone. */
export function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((each) => mapStrings(each, change));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mapStrings(each, change)]));
}

// In the second half of a key stands what proves it: changed there, it has the right shape and proves nothing.
function forge(key: string): string {
  const at = Math.floor(key.length * 0.75);
  return key.slice(0, at) + (key.charAt(at) === 'A' ? 'B' : 'A') + key.slice(at + 1);
}

// The last letter may have bits to spare; further in, each is part of what proves the whole.
function forgeEnd(token: string): string {
  const at = token.length - 10;
  return token.slice(0, at) + (token.charAt(at) === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

// The last letter of 32 bytes in base64url has two bits to spare: a lenient decoder reads its neighbour alike.
function neighbourOf(letter: string): string {
  return BASE64URL[BASE64URL.indexOf(letter) ^ 1] ?? 'A';
}

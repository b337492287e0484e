import type { Expected } from './case.ts';
import type { Reply } from './exchange.ts';
import { mapStrings, type Placeholders } from './placeholders.ts';

const MOST_CHARACTERS = 300;

/** What is expected, in a few words, with its placeholders as they are. */
export function summaryOfExpected(expected: Expected): string {
  const { status, headers = {} } = expected;
  const isAnswer = 'data' in expected;
  return line([
    String(status),
    isAnswer ? dataOf(expected.data) : errorOf(expected.code, expected.message),
    challengeOf((isAnswer ? null : expected.challenge) ?? undefined),
    ...Object.entries(headers).map(([name, members]) => `${name}: ${members.join(', ')}`),
  ]);
}

/**
 * What a server has answered, in the same words: not too long, in place of a secret its placeholder, and no other
 * key either. What a server sends is no text for a terminal yet.
 */
export function summaryOf(
  { status, headers, body }: Reply,
  secrets: Placeholders,
  alsoHeaders: readonly string[] = [],
): string {
  // Before JSON spells them otherwise, and after, since a header may hold one too.
  const { data, errors } = partsOf(mapStrings(body, (text) => withoutSecrets(text, secrets)));
  const [first, ...others] = errors ?? [];
  const { message, extensions } = (first ?? {}) as { message?: unknown; extensions?: { code?: unknown } | null };
  const told = line([
    String(status),
    body === undefined && 'a body that is no JSON',
    errors && errorOf(textOf(extensions?.code, 'no code'), textOf(message, '')),
    others.length > 0 && `and ${others.length} more`,
    data !== undefined && dataOf(withoutKeys(data)),
    challengeOf(headers['www-authenticate']),
    ...alsoHeaders.map((name) => `${name}: ${headers[name] ?? 'none'}`),
  ]);
  return shortened(withoutSecrets(told, secrets));
}

// A server may send anything in a text's place.
function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

interface Parts {
  data?: unknown;
  errors?: unknown[];
}

/** `data` and `errors` as far as the body has them in their right form. */
export function partsOf(body: unknown): Parts {
  if (typeof body !== 'object' || body === null) return {};
  const { data, errors } = body as Record<string, unknown>;
  return { ...('data' in body && { data }), ...(Array.isArray(errors) && { errors }) };
}

function dataOf(data: unknown): string {
  return `data ${JSON.stringify(data)}`;
}

function errorOf(code: string, message: string | undefined): string {
  return message === undefined ? code : `${code} ${JSON.stringify(message)}`;
}

function challengeOf(challenge: string | undefined): string | false {
  return challenge !== undefined && `WWW-Authenticate: ${challenge}`;
}

function line(parts: (string | false | undefined)[]): string {
  return parts.filter((part) => part).join(' ');
}

// Keys that the server has issued in this very reply are known to nobody yet, and need not look like ours.
function withoutKeys(data: unknown): unknown {
  return JSON.parse(
    JSON.stringify(data, (name, value) =>
      ['key', 'access', 'refresh'].includes(name) && (typeof value !== 'string' || !/^<[a-z ]+>$/.test(value))
        ? `<another ${name}>`
        : value,
    ),
  );
}

function withoutSecrets(text: string, secrets: Placeholders): string {
  // The longest first: one secret may be part of another.
  const known = Object.entries(secrets).filter(([, value]) => value !== '');
  const hidden = known.sort(([, a], [, b]) => b.length - a.length);
  const rest = hidden.reduce((told, [name, value]) => told.replaceAll(value, `<${name}>`), text);
  return rest.replaceAll(/(tsr[a-z]?_)[\w-]+/g, '$1…').replaceAll(/eyJ[\w-]+\.[\w-]*(\.[\w-]*)?/g, 'eyJ…');
}

function shortened(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)} …` : text;
}

import { isDeepStrictEqual } from 'node:util';
import type { Answered, Expected, Refused } from './case.ts';
import type { Reply } from './exchange.ts';
import { partsOf } from './summary.ts';

const ANY_TEXT = '<any text>';

/** Whether the reply is what was expected. `usedKey` is what `<another key>` must differ from. */
export function isMet(expected: Expected, reply: Reply, usedKey: string | undefined): boolean {
  const { headers = {} } = expected;
  return (
    reply.status === expected.status &&
    Object.entries(headers).every(([name, members]) => hasMembers(reply.headers[name], members)) &&
    ('data' in expected ? isAnswered(expected, reply, usedKey) : isRefused(expected, reply))
  );
}

function isAnswered({ data }: Answered, { body, headers }: Reply, usedKey: string | undefined): boolean {
  const parts = partsOf(body);
  return parts.errors === undefined && headers['www-authenticate'] === undefined && matches(data, parts.data, usedKey);
}

function isRefused({ code, message, challenge }: Refused, { body, headers }: Reply): boolean {
  const parts = partsOf(body);
  const [error, ...others] = (parts.errors ?? []) as ({ message?: unknown; extensions?: { code?: unknown } } | null)[];
  return (
    !('data' in parts) &&
    others.length === 0 &&
    error?.extensions?.code === code &&
    (message === undefined || isText(message, error.message)) &&
    isText(challenge, headers['www-authenticate'] ?? null)
  );
}

function matches(expected: unknown, got: unknown, usedKey: string | undefined): boolean {
  if (expected === ANY_TEXT) return isText(expected, got);
  if (expected === '<another key>') return typeof got === 'string' && got !== '' && got !== usedKey;
  if (typeof expected !== 'object' || expected === null) return isDeepStrictEqual(expected, got);
  if (typeof got !== 'object' || got === null || Array.isArray(got) !== Array.isArray(expected)) return false;
  const names = new Set([...Object.keys(expected), ...Object.keys(got)]);
  return [...names].every(
    (name) => name in got && name in expected && matches(memberOf(expected, name), memberOf(got, name), usedKey),
  );
}

/** Whether that is what was expected, which may leave open how it goes on. */
function isText(expected: string | null, got: unknown): boolean {
  if (!expected?.endsWith(ANY_TEXT)) return got === expected;
  const start = expected.slice(0, -ANY_TEXT.length);
  return typeof got === 'string' && got.startsWith(start) && got.length > start.length;
}

function memberOf(value: object, name: string): unknown {
  return (value as Record<string, unknown>)[name];
}

function hasMembers(header: string | undefined, members: readonly string[]): boolean {
  const there = (header ?? '').split(',').map((member) => member.trim().toLowerCase());
  return members.every((member) => there.includes(member));
}

import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

// What the suite's servers and commands have put out, and every key and password that it has made: `after-all` looks
// for the second in the first.

const FEWEST_CHARACTERS = 8;
// What Tessera's own messages say, and what fast-check makes up that stands in any stack trace.
const WORDS = new Set(['password', ...Object.getOwnPropertyNames(Object.prototype)]);

/** Notes what a log or a program has put out. */
export function recordOutput(text: string): void {
  record('output', text);
}

/** Notes keys and passwords, wherever in this value they stand: a reply, variables, a document. */
export function recordSecrets(value: unknown): void {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  const keys = text.match(/tsr_[A-Za-z0-9_-]{43}|tsrr_[\w-]{48}|tsrs_[\w-]{43}|\beyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? [];
  const passwords = [...text.matchAll(/"?password"?\s*:\s*("(?:[^"\\]|\\.)*")/g)].map(([, quoted = '""']) =>
    parsed(quoted),
  );
  for (const key of keys) recordSecret(key);
  for (const password of passwords) recordSecret(password);
}

export function recordSecret(secret: string): void {
  if (secret.trim().length < FEWEST_CHARACTERS || WORDS.has(secret)) return;
  record('secrets', JSON.stringify(secret));
}

// A document's string need not be JSON.
function parsed(quoted: string): string {
  try {
    return JSON.parse(quoted);
  } catch {
    return quoted.slice(1, -1);
  }
}

function record(kind: 'output' | 'secrets', text: string): void {
  const { RECORD_DIR } = process.env;
  if (!RECORD_DIR) throw new Error('RECORD_DIR is not set: vitest.config.ts sets it.');
  mkdirSync(RECORD_DIR, { recursive: true });
  appendFileSync(join(RECORD_DIR, `${process.pid}.${kind}`), `${text}\n`);
}

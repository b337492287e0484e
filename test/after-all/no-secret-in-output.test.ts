import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { foundIn } from './found-in.ts';

const dir = process.env.RECORD_DIR ?? '';

function recorded(kind: string): string {
  const files = readdirSync(dir).filter((name) => name.endsWith(`.${kind}`));
  return files.map((name) => readFileSync(join(dir, name), 'utf8')).join('');
}

const output = recorded('output');
const secrets = new Set<string>(
  recorded('secrets')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line)),
);

it('has something to look for, and something to look in', () => {
  expect(secrets.size).toBeGreaterThan(100);
  expect(output.match(/"msg":"request"/g)?.length).toBeGreaterThan(100);
});

it('finds what stands at the start, in the midst, at the end, and beside what begins alike', () => {
  const haystack = Buffer.from('first, sec\u00f6nd, secret-1, last');
  const needles = ['first', 'sec\u00f6nd', 'secret-1', 'secret-2', 'last', 'lasting', 'absent'];
  expect(foundIn(haystack, needles)).toEqual(['first', 'sec\u00f6nd', 'secret-1', 'last']);
});

it('finds no key and no password that the suite has made in what its servers and commands have put out', () => {
  // A key in any dress: what follows the prefix is as much of a secret.
  const parts = [...secrets].flatMap((secret) =>
    /^tsr[rs]?_/.test(secret) ? [secret.slice(secret.indexOf('_') + 1)] : [secret, JSON.stringify(secret).slice(1, -1)],
  );
  expect(foundIn(Buffer.from(output), parts)).toEqual([]);
  expect(output.match(/tsr[rs]?_[A-Za-z0-9_-]{43}/g)).toBeNull();
  expect(output.match(/\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]{40}/g)).toBeNull();
  expect(output.match(/\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}/g)).toBeNull();
});

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

// CONTRIBUTING.md, "What may import what". A file right under src/ that is not named here may import everything.
const TABLE: Record<string, readonly string[]> = {
  errors: [],
  duration: [],
  'growing-lru': [],
  'in-time': [],
  'package-root': [],
  promptly: [],
  redact: [],
  config: ['auth', 'duration', 'errors'],
  auth: ['errors', 'promptly'],
  database: ['auth', 'config', 'errors', 'in-time', 'package-root'],
  accounts: ['database', 'auth', 'errors', 'growing-lru', 'in-time', 'promptly'],
  graphql: ['accounts', 'auth', 'database', 'errors', 'promptly'],
  conformance: ['errors'],
  http: ['graphql', 'auth', 'accounts', 'database', 'config', 'errors', 'growing-lru', 'promptly', 'redact'],
};

const PURE_AUTH_PACKAGES = ['bcrypt', 'p-limit', 'ipaddr.js', 'jose', '@zxcvbn-ts/language-common'];

interface Import {
  from: string;
  to: string;
  specifier: string;
  isTypeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const statements = text.matchAll(
    /^(?:import|export)\s(?<what>[^;]*?\sfrom\s)?\s*'(?<specifier>[^']+)'|import\('(?<dynamic>[^']+)'\)/gm,
  );
  return [...statements].map(({ groups = {} }) => {
    const specifier = groups.specifier ?? groups.dynamic ?? '';
    return {
      from: file,
      to: specifier.startsWith('.') ? placeOf(relative(SRC, resolve(SRC, dirname(file), specifier))) : '',
      specifier,
      isTypeOnly: groups.what?.startsWith('type ') ?? false,
    };
  });
}

function placeOf(file: string): string {
  return (file.split('/')[0] ?? '').replace(/\.ts$/, '');
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.includes('generated/'),
);
const imports = files.flatMap(importsOf);

describe('the import table', () => {
  it('finds the imports that it judges', () => {
    expect(imports).toContainEqual(expect.objectContaining({ from: 'http/yoga.ts', to: 'graphql' }));
    expect(imports).toContainEqual(expect.objectContaining({ from: 'cli/schema-print.ts', to: 'graphql' }));
  });

  it('lets nothing lower know anything higher', () => {
    const forbidden = imports.filter(({ from, to }) => {
      const allowed = TABLE[placeOf(from)];
      return to !== '' && to !== placeOf(from) && allowed && !allowed.includes(to);
    });
    expect(forbidden).toEqual([]);
  });

  it('keeps auth free of Prisma, GraphQL and servers', () => {
    const foreign = imports.filter(
      ({ from, to, specifier }) =>
        placeOf(from) === 'auth' &&
        to === '' &&
        !specifier.startsWith('node:') &&
        !PURE_AUTH_PACKAGES.includes(specifier),
    );
    expect(foreign).toEqual([]);
  });

  it('gives graphql the database as types alone', () => {
    const values = imports.filter(
      ({ from, to, isTypeOnly }) => placeOf(from) === 'graphql' && to === 'database' && !isTypeOnly,
    );
    expect(values).toEqual([]);
  });

  it('lets config.ts alone read the environment', () => {
    const readers = files.filter((file) => /\bprocess\.env\b/.test(readFileSync(join(SRC, file), 'utf8')));
    expect(readers).toEqual(['config.ts']);
  });
});

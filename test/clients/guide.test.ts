import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { ERROR_CODES } from '../../src/errors.ts';
import { startServer, tessera } from '../program.ts';
import { databaseOfItsOwn } from '../world.ts';
import { blocksOf } from './blocks.ts';

const GUIDE = 'docs/guides/clients.md';
const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

const sources = blocksOf(GUIDE, 'ts');
const operations = blocksOf(GUIDE, 'graphql').flatMap(({ name, text }) => (name === '' ? [text] : []));

/** A front end that has done what the guide says, and nothing else. */
const frontEnd = mkdtempSync(join(tmpdir(), 'tessera-front-end-'));
afterAll(() => rmSync(frontEnd, { recursive: true }));
for (const { name, text } of sources) writeFileSync(join(frontEnd, name), text);
writeFileSync(join(frontEnd, 'operations.graphql'), operations.join('\n'));
cpSync(join(root, 'schema/schema.graphql'), join(frontEnd, 'schema.graphql'));
symlinkSync(join(root, 'node_modules'), join(frontEnd, 'node_modules'));
writeFileSync(join(frontEnd, 'package.json'), '{ "type": "module" }');
writeFileSync(
  join(frontEnd, 'tsconfig.json'),
  JSON.stringify({ extends: join(root, 'tsconfig.json'), include: ['*.ts'] }),
);
await run('node_modules/.bin/graphql-codegen', { cwd: frontEnd });

async function compile(): Promise<string> {
  const { stdout } = await run('node_modules/.bin/tsc', { cwd: frontEnd }).catch((error) => error);
  return stdout;
}

describe('the guide for clients', () => {
  it('shows code that compiles against the types that its own codegen.ts makes', async () => {
    expect(sources.length).toBeGreaterThan(0);
    expect(await compile()).toBe('');
  });

  it('shows what compiles with the session of a cookie in the place of that of a key', async () => {
    // These are about keys.
    const without = ['log-in.ts', 'pair.ts'];
    const swapped = sources.filter(({ name }) => ['session.ts', ...without].includes(name));
    for (const name of without) rmSync(join(frontEnd, name));
    cpSync(join(frontEnd, 'cookie-session.ts'), join(frontEnd, 'session.ts'));
    const said = await compile();
    for (const { name, text } of swapped) writeFileSync(join(frontEnd, name), text);
    expect(said).toBe('');
  });

  it.each(sources.filter(({ name }) => name !== 'codegen.ts'))(
    'shows the $name that the tests run',
    ({ name, text }) => {
      expect(text).toBe(readFileSync(join(root, 'test/clients', name), 'utf8'));
    },
  );

  it('shows a codegen.ts that makes the types that the tests use', () => {
    const made = readFileSync(join(frontEnd, 'generated/graphql.ts'), 'utf8');
    expect(made).toBe(readFileSync(join(root, 'test/clients/generated/graphql.ts'), 'utf8'));
  });

  it.each(['IssuedToken', 'InvalidCredentialsError', 'ValidationError'])(
    'shows a handler that does not compile without its case for %s',
    async (member) => {
      const file = join(frontEnd, 'log-in.ts');
      const whole = readFileSync(file, 'utf8');
      const lacking = whole.replace(new RegExp(`    case '${member}':\n(?:      .*\n)+`), '');
      const line = lacking.split('\n').findIndex((text) => text.includes('unhandled(result)')) + 1;
      writeFileSync(file, lacking);
      const said = await compile();
      writeFileSync(file, whole);
      expect(said).toMatch(new RegExp(`^log-in\\.ts\\(${line},\\d+\\): error TS2345: .*"${member}"`));
      expect(said.match(/error TS/g)).toHaveLength(1);
    },
  );

  it('lists every code of a refusal with its status under both media types', () => {
    const rows = readFileSync(join(root, GUIDE), 'utf8').matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (\d+) \| \S.* \|$/gm);
    const codes = Object.entries<{ status: number; isSpec?: true }>(ERROR_CODES);
    expect([...rows].map(([, ...cells]) => cells)).toEqual(
      codes.map(([code, { status, isSpec }]) => [code, isSpec ? '200' : `${status}`, `${status}`]),
    );
  });

  it('has curl commands that do what they say, as they are printed', async () => {
    const own = await databaseOfItsOwn();
    onTestFinished(own.drop);
    const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: 't'.repeat(32) };
    await tessera(['user', 'create', 'ada', '--password-stdin'], env, 'correct-horse-battery\n');
    const { origin } = await startServer(env);
    const [commands] = blocksOf(GUIDE, 'sh').filter(({ name }) => name === 'curl');
    const [answer] = blocksOf(GUIDE, 'json').filter(({ name }) => name === 'curl');
    const script = commands?.text.replaceAll('http://127.0.0.1:4000', origin) ?? '';
    const { stdout } = await run('bash', ['-eu', '-c', script]);
    expect(stdout).toBe(answer?.text.trimEnd());
  });
});

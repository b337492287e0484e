import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { createMultiplexer } from '../../src/database/multiplexer.ts';
import { TOKEN_SECRET } from '../world.ts';
import { freePort, markedBlocks, playBlocks, playQuickstart, ROOT } from './printed.ts';

const GUIDE = 'docs/guides/quickstart.md';

it('leads from nothing to a signed-in call and out again, as it is printed', async () => {
  const { answers, shown } = await playQuickstart(GUIDE);
  expect(shown).toEqual(answers);
}, 90_000);

it('has a server of one’s own that type-checks and answers as it is printed', async () => {
  const folder = makeProject();
  const { PATH = '', HOME = '' } = process.env;
  const PORT = await freePort(4001);
  const env = { PATH, HOME, PORT, DATABASE_URL: await emptyDatabase(), TOKEN_SECRETS: TOKEN_SECRET };
  const run = (program: string, ...parts: string[]) =>
    promisify(execFile)(process.execPath, [join(ROOT, 'node_modules', program), ...parts], { cwd: folder, env });
  const prisma = (...parts: string[]) => run('prisma/build/index.js', ...parts);

  await prisma('generate');
  await run('typescript/bin/tsc', '--project', '.');
  const { stdout: tables } = await prisma(
    'migrate',
    'diff',
    '--from-empty',
    '--to-schema',
    'schema.prisma',
    '--script',
  );
  const client = new pg.Client({ connectionString: env.DATABASE_URL });
  await client.connect();
  await client.query(tables);
  await client.end();

  const server = spawn(process.execPath, [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), 'server.ts'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const finished = once(server, 'close');
  onTestFinished(async () => {
    server.kill('SIGTERM');
    await finished;
  });
  expect(String(await Promise.race([once(server.stdout, 'data'), finished]))).toBe('ready\n');
  const { answers, shown } = await playBlocks(markedBlocks(GUIDE, 'own-server'), {}, ['4001', PORT]);
  expect(shown).toEqual(answers);
}, 90_000);

/** A folder that holds the guide's files, and Tessera beside its other packages. */
function makeProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-own-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const packages = join(folder, 'node_modules');
  mkdirSync(packages);
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    symlinkSync(join(ROOT, 'node_modules', name), join(packages, name));
  }
  symlinkSync(ROOT, join(packages, 'tessera'));
  for (const name of ['schema.prisma', 'server.ts']) {
    const [block] = markedBlocks(GUIDE, name);
    writeFileSync(join(folder, name), `${block?.text}\n`);
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const { compilerOptions } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8'));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  // Prisma's engine without a download: see prisma.config.ts.
  writeFileSync(
    join(folder, 'prisma.config.ts'),
    `process.env.PRISMA_SCHEMA_ENGINE_BINARY = ${JSON.stringify(join(ROOT, 'prisma/schema-engine.mjs'))};
     export default { schema: 'schema.prisma' };`,
  );
  return folder;
}

/** A PostgreSQL database without tables: on the server under test, or a PGlite that listens. */
async function emptyDatabase(): Promise<string> {
  const own = process.env.TEST_DATABASE_URL;
  if (own) {
    const name = `own_server_${randomBytes(6).toString('hex')}`;
    const admin = new pg.Client({ connectionString: own });
    await admin.connect();
    await admin.query(`CREATE DATABASE ${name}`);
    onTestFinished(async () => {
      await admin.query(`DROP DATABASE ${name}`);
      await admin.end();
    });
    return Object.assign(new URL(own), { pathname: `/${name}` }).href;
  }
  const pglite = await PGlite.create();
  const multiplexer = await createMultiplexer(pglite);
  const door = createServer((socket) => multiplexer.accept(socket)).listen(0, '127.0.0.1');
  await once(door, 'listening');
  onTestFinished(async () => {
    door.close();
    await multiplexer.close();
    await pglite.close();
  });
  return `postgresql://postgres@127.0.0.1:${(door.address() as { port: number }).port}/postgres`;
}

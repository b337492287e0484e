import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { PrismaClient } from '../../src/database/generated/prisma/client.ts';
import { createMultiplexer, type Multiplexer } from '../../src/database/multiplexer.ts';
import { message, queryMessage } from '../../src/database/wire.ts';

const IDENTITY = { user: 'postgres', database: 'postgres', ssl: false } as const;
const STARTUP = Buffer.from('\0\0\0\x16\0\x03\0\0user\0postgres\0\0', 'latin1');
STARTUP.writeInt32BE(STARTUP.length, 0);

let pglite: PGlite;
let multiplexer: Multiplexer;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  pglite = await PGlite.create();
  await pglite.exec('CREATE TABLE item (id int PRIMARY KEY)');
});

afterAll(() => pglite.close());

beforeEach(async () => {
  multiplexer = await createMultiplexer(pglite, { idleInTransactionSeconds: 1 });
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await multiplexer.close();
  await pglite.exec('TRUNCATE item');
});

async function connect(options: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ ...IDENTITY, stream: () => multiplexer.connect(), ...options });
  client.on('error', () => {});
  await client.connect();
  ends.push(() => client.end().catch(() => {}));
  return client;
}

function poolOf(max: number): pg.Pool {
  const pool = new pg.Pool({ ...IDENTITY, stream: () => multiplexer.connect(), max });
  ends.push(() => pool.end());
  return pool;
}

/** A door on a TCP port of this machine, and a raw line to it that collects what comes back. */
async function openDoor(): Promise<{ server: Server; port: number }> {
  const server = createServer(multiplexer.accept).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(async () => server.close());
  const address = server.address();
  return { server, port: typeof address === 'object' && address ? address.port : 0 };
}

function rawLine(): { line: Duplex; received: () => string } {
  const line = multiplexer.connect();
  const chunks: Buffer[] = [];
  line.on('data', (chunk) => chunks.push(chunk)).on('error', () => {});
  return { line, received: () => Buffer.concat(chunks).toString('latin1') };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 5) {
    if (waited > 5000) throw new Error('waited in vain');
    await sleep(5);
  }
}

async function items(client: pg.Client | pg.Pool): Promise<number[]> {
  return (await client.query('SELECT id FROM item ORDER BY id')).rows.map(({ id }) => id);
}

test("makes a second client wait for the end of the first one's transaction", async () => {
  const [first, second] = [await connect(), await connect()];
  await first.query('BEGIN');
  await first.query('INSERT INTO item VALUES (1)');
  let seen: number[] | null = null;
  const seeing = items(second).then((ids) => {
    seen = ids;
  });
  await first.query('INSERT INTO item VALUES (2)');
  expect(seen).toBeNull();
  await first.query('ROLLBACK');
  await seeing;
  expect(seen).toEqual([]);
});

test('rolls back a client that is gone in the middle of a transaction', async () => {
  const [first, second] = [await connect(), await connect()];
  await first.query('BEGIN');
  await first.query('INSERT INTO item VALUES (1)');
  const seeing = items(second);
  (first as unknown as { connection: { stream: Duplex } }).connection.stream.destroy();
  expect(await seeing).toEqual([]);
});

test.each([
  ['before its Sync', ['INSERT INTO item VALUES (1)']],
  ['after an error and before its Sync', ['INSERT INTO item VALUES (1)', 'SELECT no_such_column']],
])('rolls back a client that is gone %s', async (_name, statements) => {
  const { line, received } = rawLine();
  line.write(STARTUP);
  for (const sql of statements) {
    line.write(message('P', '\0', sql, '\0\0\0'));
    line.write(message('B', '\0\0\0\0\0\0\0\0'));
    line.write(message('E', '\0\0\0\0\0'));
  }
  line.write(message('H'));
  await until(() => received().includes(statements.length === 1 ? 'INSERT 0 1' : 'no_such_column'));
  line.destroy();
  const next = await connect();
  expect(await items(next)).toEqual([]);
  expect((await next.query('SELECT pg_current_xact_id_if_assigned() AS xid')).rows).toEqual([{ xid: null }]);
});

test('puts out a client that keeps a transaction open and says nothing', async () => {
  const [first, second] = [await connect(), await connect()];
  await first.query('BEGIN');
  await first.query('INSERT INTO item VALUES (1)');
  expect(await items(second)).toEqual([]);
  await expect(first.query('COMMIT')).rejects.toThrow();
});

test('gives each of fifty concurrent queries its own answer', async () => {
  const pool = poolOf(5);
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      if (i % 5 === 0) return pool.query('SELECT no_such_column').catch(() => i);
      if (i % 3 === 0) return (await pool.query(`SELECT ${i} AS x`)).rows[0].x;
      if (i % 2 === 0) return (await pool.query({ name: 'echo', text: 'SELECT $1::int AS x', values: [i] })).rows[0].x;
      return (await pool.query('SELECT $1::int AS x', [i])).rows[0].x;
    }),
  );
  expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => i));
});

test('lets the event loop go on while clients of this process are busy', async () => {
  const pool = poolOf(4);
  let isBusy = true;
  const busy = Array.from({ length: 4 }, async () => {
    while (isBusy) await pool.query('SELECT 1');
  });
  const { port } = await openDoor();
  const guest = new pg.Client({ ...IDENTITY, host: '127.0.0.1', port });
  await guest.connect();
  expect((await guest.query('SELECT 1 AS x')).rows).toEqual([{ x: 1 }]);
  await guest.end();
  isBusy = false;
  await Promise.all(busy);
});

test("keeps one client's prepared statements from another's of the same name, and drops them at its end", async () => {
  const [first, second] = [await connect(), await connect()];
  const name = 'same';
  expect((await first.query({ name, text: 'SELECT 1 AS x' })).rows).toEqual([{ x: 1 }]);
  expect((await second.query({ name, text: 'SELECT 2 AS x' })).rows).toEqual([{ x: 2 }]);
  expect((await first.query({ name, text: 'SELECT 1 AS x' })).rows).toEqual([{ x: 1 }]);
  await first.end();
  expect(
    (await second.query('SELECT count(*)::int AS n FROM pg_prepared_statements WHERE name <> $1', [''])).rows,
  ).toEqual([{ n: 1 }]);
});

test("never runs another client's unnamed statement", async () => {
  const { line, received } = rawLine();
  line.write(Buffer.concat([STARTUP, message('P', '\0SELECT 1\0\0\0'), message('S')]));
  await until(() => received().split('Z\0\0\0\x05I').length === 3);
  await (await connect()).query('SELECT $1::text', ['secret']);
  line.write(Buffer.concat([message('B', '\0\0\0\0\0\0\0\0'), message('E', '\0\0\0\0\0'), message('S')]));
  await until(() => received().includes('C26000'));
  line.destroy();
});

test('leaves a connection usable after an error in the middle of a batch', async () => {
  const client = await connect();
  await expect(client.query('SELECT $1::int / 0', [1])).rejects.toThrow('division by zero');
  expect((await client.query('SELECT $1::int AS x', [2])).rows).toEqual([{ x: 2 }]);
});

test("lets no client see another's SET", async () => {
  const [first, second] = [await connect(), await connect()];
  await first.query("SET search_path = 'pg_catalog'");
  expect((await second.query('SHOW search_path')).rows).toEqual([{ search_path: 'public' }]);
  await first.query("SELECT set_config('search_path', 'pg_catalog', false)");
  await first.end();
  // Its settings are put back just after it has gone.
  await sleep(20);
  expect((await second.query('SHOW search_path')).rows).toEqual([{ search_path: 'public' }]);
});

test('refuses COPY FROM STDIN with an error, and answers COPY TO STDOUT', async () => {
  const client = await connect();
  await expect(client.query('COPY item FROM STDIN')).rejects.toThrow('does not work on an embedded database');
  await expect(client.query({ text: 'COPY item FROM STDIN', values: [] })).rejects.toThrow('embedded database');
  await client.query('INSERT INTO item VALUES (7)');
  await client.query('COPY item TO STDOUT');
  expect(await items(client)).toEqual([7]);
});

test.each([
  ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a startup packet of two gigabytes', Buffer.from([0x7f, 0xff, 0xff, 0xff])],
  ['a message of an unknown type', Buffer.concat([STARTUP, message('~')])],
  ['a function call', Buffer.concat([STARTUP, message('F', Buffer.alloc(10))])],
  ['a message over 64 MiB', Buffer.concat([STARTUP, Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff])])],
  ['a length below four', Buffer.concat([STARTUP, Buffer.from([0x51, 0, 0, 0, 0])])],
  ['an Execute longer than PostgreSQL bears', Buffer.concat([STARTUP, message('E', Buffer.alloc(20_000, 'x'))])],
  ['a name without an end', Buffer.concat([STARTUP, message('P', 'name')])],
])('cuts off a client that sends %s, and hurts nobody else', async (_name, bytes) => {
  const other = await connect();
  await other.query('BEGIN');
  const { line, received } = rawLine();
  line.write(bytes);
  await once(line, 'close');
  expect(received()).toMatch(/SFATAL\0VFATAL\0C(08P01|54000|0A000)\0M/);
  expect((await other.query('SELECT 1 AS x')).rows).toEqual([{ x: 1 }]);
  await other.query('COMMIT');
});

test('answers a malformed Bind with an error and goes on', async () => {
  const { line, received } = rawLine();
  line.write(Buffer.concat([STARTUP, message('P', '\0SELECT 1\0\0\0'), message('B', '\0\0'), message('S')]));
  await until(() => received().includes('insufficient data left in message'));
  line.write(queryMessage('SELECT 42'));
  await until(() => received().includes('42'));
  line.destroy();
});

test('serves a client that sends one byte at a time, and one that asks for encryption first', async () => {
  const { line, received } = rawLine();
  const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
  for (const byte of Buffer.concat([sslRequest, STARTUP, queryMessage("SELECT 'slow' || 'ly'")])) {
    line.write(Buffer.from([byte]));
    await sleep(0);
  }
  await until(() => received().includes('slowly'));
  expect(received().startsWith('NR')).toBe(true);
  expect(received()).toContain('server_version\0' + '18.');
  line.destroy();
});

test('carries parameters and results of five megabytes, in process and through a socket', async () => {
  const { port } = await openDoor();
  const big = 'x'.repeat(5_000_000);
  const guest = new pg.Client({ ...IDENTITY, host: '127.0.0.1', port });
  await guest.connect();
  ends.push(() => guest.end());
  for (const client of [await connect(), guest]) {
    const { rows } = await client.query('SELECT $1::text AS big', [big]);
    expect(rows[0].big === big).toBe(true);
  }
});

test("hears clients' notices through PGlite's own listen, and tells no client", async () => {
  const heard: string[] = [];
  const unlisten = await pglite.listen('news', (payload) => heard.push(payload));
  const client = await connect();
  client.on('notification', () => heard.push('client'));
  await client.query("NOTIFY news, 'hello'");
  await until(() => heard.length > 0);
  await client.query('SELECT 1');
  expect(heard).toEqual(['hello']);
  await unlisten();
});

test('keeps interactive, batched and rolled back Prisma transactions apart', async () => {
  await pglite.exec(
    `CREATE TABLE "SecretFingerprint" (fingerprint text PRIMARY KEY, "firstSeenAt" timestamptz DEFAULT now())`,
  );
  const prisma = new PrismaClient({ adapter: new PrismaPg(poolOf(4)) });
  const create = (fingerprint: string) => ({ data: { fingerprint } });
  await Promise.all(
    ['a', 'b'].map((caller) =>
      prisma.$transaction(async (tx) => {
        const before = await tx.secretFingerprint.count();
        await tx.secretFingerprint.create(create(`${caller}1`));
        await sleep(20);
        await tx.secretFingerprint.create(create(`${caller}2`));
        expect(await tx.secretFingerprint.count()).toBe(before + 2);
      }),
    ),
  );
  await prisma.$transaction([
    prisma.secretFingerprint.create(create('c1')),
    prisma.secretFingerprint.create(create('c2')),
  ]);
  const failing = prisma.$transaction(async (tx) => {
    await tx.secretFingerprint.create(create('d1'));
    throw new Error('changed my mind');
  });
  const [, count] = await Promise.all([
    expect(failing).rejects.toThrow('changed my mind'),
    prisma.secretFingerprint.count(),
  ]);
  expect(count).toBe(6);
  const all = await prisma.secretFingerprint.findMany({ orderBy: { fingerprint: 'asc' } });
  expect(all.map(({ fingerprint }) => fingerprint)).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
  await prisma.$disconnect();
});

test('cuts everybody off and says so once when PGlite itself has died', async () => {
  const doomed = await PGlite.create();
  let failures = 0;
  const fragile = await createMultiplexer(doomed, {
    onFailure: () => {
      failures += 1;
    },
  });
  const clients = await Promise.all(
    [1, 2].map(async () => {
      const client = new pg.Client({ ...IDENTITY, stream: () => fragile.connect() });
      client.on('error', () => {});
      await client.connect();
      return client;
    }),
  );
  await clients[0]?.query(
    'CREATE FUNCTION deeper(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN deeper(i + 1); END $$',
  );
  // Recursion without end overflows the WebAssembly stack.
  await expect(clients[0]?.query('SELECT deeper(1)')).rejects.toThrow('must be opened again');
  await expect(clients[1]?.query('SELECT 1')).rejects.toThrow();
  expect(failures).toBe(1);
  await fragile.close();
});

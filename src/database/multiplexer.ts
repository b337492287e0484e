import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { PGlite } from '@electric-sql/pglite';
import {
  fatalMessage,
  MessageReader,
  message,
  ProtocolViolation,
  queryMessage,
  renameStatement,
  splitMessages,
} from './wire.ts';

/** Many PostgreSQL clients on the one session of a PGlite. */
export interface Multiplexer {
  /** A new client's end of a line inside this process, as the `stream` option of `pg` wants it. */
  connect(): Duplex;
  /** Serves the client at the other end of this stream. */
  accept(stream: Duplex): void;
  /** Resolves when every client has left of itself, or when so many milliseconds have passed. */
  drained(withinMs: number): Promise<void>;
  /** Cuts every line, rolls back what was open, and resolves when the session is nobody's. */
  close(): Promise<void>;
}

interface MultiplexerOptions {
  /** A client that keeps a transaction open and sends nothing for so long is put out: all others wait for it. */
  idleInTransactionSeconds?: number;
  /** PGlite has died (a trap inside the WebAssembly); every client has been cut off and none will be served again. */
  onFailure?: (error: Error) => void;
  /** A client may have ended what the session listens to; called before he has his answer. */
  onUnlisten?: () => void;
}

interface Client {
  id: number;
  stream: Duplex;
  reader: MessageReader;
  hasUnnamedStatement: boolean;
}

interface Batch {
  bytes: Buffer;
  expectsReady: boolean;
}

const BATCH_BYTES = 1024 * 1024;
const LONGEST_STRETCH_MS = 5;
const DRAIN_POLL_MS = 10;
const PROTOCOL_3 = 3;
const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;

const SYNC = message('S');
// PGlite exits when COPY FROM STDIN finds no data behind it, and the data cannot be there yet: the client waits to be
// asked for it. This behind every statement makes COPY fail cleanly; PostgreSQL ignores it anywhere else.
const NO_COPY = message('f', 'COPY FROM STDIN does not work on an embedded database\0');
// The first ROLLBACK undoes an extended-query sequence that a Sync would commit; when that had failed already it is
// skipped up to the Sync, and the second one ends the transaction block.
const ABANDON = Buffer.concat([queryMessage('ROLLBACK'), SYNC, queryMessage('ROLLBACK')]);
// The last two can hold either of the first; so can a function, of which no tag tells: see hearEmbedded.
const UNLISTENERS = new Set(['UNLISTEN', 'DISCARD ALL', 'DO', 'CALL']);
const RESET_SETTINGS = 'SET SESSION AUTHORIZATION DEFAULT; RESET ALL';

/**
 * Speaks PostgreSQL's wire protocol with many clients over one PGlite. A client's messages up to Sync or Query run as
 * one batch, first come, first served, and the client keeps the session until ReadyForQuery says idle; one that leaves
 * before is rolled back.
 *
 * What it keeps apart: transactions and prepared statements. What the clients share: temporary tables, advisory
 * locks (always granted), SQL-level PREPARE, LISTEN (notices go to PGlite's own `listen` alone). A SET outside a
 * transaction holds until another client has its turn. The unnamed statement holds until the next Sync. Cancel requests
 * do nothing, and COPY FROM STDIN and function calls are refused.
 * Source: PostgreSQL 18, chapter 54, Frontend/Backend Protocol.
 */
export async function createMultiplexer(
  pglite: PGlite,
  { idleInTransactionSeconds = 60, onFailure, onUnlisten }: MultiplexerOptions = {},
): Promise<Multiplexer> {
  const parameters = await parameterStatus(pglite);
  const serving = new Map<Client, Promise<void>>();
  let lastId = 0;
  let lastYield = 0;
  let isClosing = false;
  let failure: Error | null = null;
  let setter: Client | null = null;

  async function run({ bytes, expectsReady }: Batch) {
    if (failure) throw failure;
    // Clients of this process and PGlite get by without the event loop: busy, they would shut out every socket.
    if (performance.now() - lastYield > LONGEST_STRETCH_MS) {
      await setImmediate();
      lastYield = performance.now();
    }
    try {
      // Not execProtocolRaw: that one keeps every message it ever parsed.
      const { data, messages } = await pglite.execProtocol(bytes, { throwOnError: false });
      const last = messages.at(-1);
      const status = last?.name === 'readyForQuery' ? (last as { status?: string }).status : undefined;
      // PGlite swallows a trap of its WebAssembly and answers nothing from then on.
      if (expectsReady && status === undefined) throw new Error('PGlite gave no answer');
      const output = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const isNotified = messages.some(({ name }) => name === 'notification');
      const done = messages.flatMap((each) =>
        each.name === 'commandComplete' ? [(each as { text?: string }).text ?? ''] : [],
      );
      return { output: isNotified ? withoutNotifications(output) : output, isIdle: status === 'I', done };
    } catch (cause) {
      failure = new Error('The embedded database has failed and must be opened again.', { cause });
      for (const client of serving.keys()) expel(client, failure.message, '58000');
      onFailure?.(failure);
      throw failure;
    }
  }

  // PGlite's own queue, so that its listen() and close() stand in the same line as the clients.
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    return pglite._runExclusiveTransaction(work);
  }

  async function serve(client: Client): Promise<void> {
    if (!(await greet(client))) return;
    let hasRun = false;
    for (let batch = await nextBatch(client); batch; batch = await nextBatch(client)) {
      const first = batch;
      hasRun = true;
      const output = await inTurn(() => takeTurn(client, first));
      client.hasUnnamedStatement = false;
      if (output) await send(client, output);
    }
    if (hasRun) await inTurn(() => forget(client));
  }

  async function takeTurn(client: Client, first: Batch): Promise<Buffer | null> {
    if (client.stream.destroyed) return null;
    if (setter && setter !== client) await resetSettings();
    for (let batch: Batch | null = first; batch; ) {
      const { output, isIdle, done } = await run(batch);
      if (done.includes('SET')) setter = client;
      if (done.some((command) => UNLISTENERS.has(command))) onUnlisten?.();
      // Idle: sent by the caller, when the next in line has the database already.
      if (isIdle) return output;
      const timer = setTimeout(
        () => expel(client, 'terminating connection due to idle-in-transaction timeout', '25P03'),
        idleInTransactionSeconds * 1000,
      );
      await send(client, output);
      batch = await nextBatch(client).finally(() => clearTimeout(timer));
    }
    await run({ bytes: ABANDON, expectsReady: true });
    return null;
  }

  async function resetSettings(): Promise<void> {
    await run({ bytes: queryMessage(RESET_SETTINGS), expectsReady: true });
    setter = null;
  }

  async function forget(client: Client): Promise<void> {
    await resetSettings();
    const deallocate = `DO $$ DECLARE s text; BEGIN
      FOR s IN SELECT name FROM pg_prepared_statements WHERE starts_with(name, '${prefixOf(client)}') LOOP
        EXECUTE format('DEALLOCATE %I', s);
      END LOOP; END $$`;
    await run({ bytes: queryMessage(deallocate), expectsReady: true });
  }

  async function greet({ reader, stream }: Client): Promise<boolean> {
    for (let packet = await reader.nextStartup(); packet; packet = await reader.nextStartup()) {
      const code = packet.readInt32BE(0);
      if (code === CANCEL_REQUEST) return false;
      if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
        stream.write('N');
        continue;
      }
      if (code >> 16 !== PROTOCOL_3) throw new ProtocolViolation('unsupported frontend protocol', '0A000');
      const keyData = Buffer.alloc(8);
      keyData.writeInt32BE(process.pid, 0);
      keyData.writeInt32BE(randomInt(2 ** 31), 4);
      const authenticationOk = message('R', Buffer.alloc(4));
      stream.write(Buffer.concat([authenticationOk, parameters, message('K', keyData), message('Z', 'I')]));
      return true;
    }
    return false;
  }

  function accept(stream: Duplex): void {
    stream.on('error', () => {});
    if (isClosing || failure) {
      stream.destroy();
      return;
    }
    lastId += 1;
    const client: Client = { id: lastId, stream, reader: new MessageReader(stream), hasUnnamedStatement: false };
    const served = serve(client)
      .catch((error) => {
        if (error instanceof ProtocolViolation) expel(client, error.message, error.sqlState);
        else if (error !== failure) throw error;
      })
      .finally(() => {
        serving.delete(client);
        stream.end();
      });
    serving.set(client, served);
  }

  function connect(): Duplex {
    const [near, far] = duplexPair();
    // A destroyed half says nothing to the other by itself.
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    accept(far);
    const socket = Object.assign(near, {
      connect: () => process.nextTick(() => near.emit('connect')),
      setNoDelay: () => socket,
      setKeepAlive: () => socket,
      ref: () => socket,
      unref: () => socket,
    });
    return socket;
  }

  async function drained(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (serving.size > 0 && performance.now() < deadline) await sleep(DRAIN_POLL_MS);
  }

  async function close(): Promise<void> {
    isClosing = true;
    // Without a message: a pool that is just leaving would take one for an error.
    for (const { stream } of serving.keys()) cut(stream);
    await Promise.all(serving.values());
  }

  return { connect, accept, drained, close };
}

async function nextBatch(client: Client): Promise<Batch | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for (let frame = await client.reader.next(); frame; frame = await client.reader.next()) {
    const type = String.fromCharCode(frame.readUInt8(0));
    if (type === 'X') return null;
    // Data for a COPY that has been refused.
    if ('dcf'.includes(type)) continue;
    const renamed = renameStatement(frame, (name) => ownName(client, type, name));
    parts.push(renamed);
    if (type === 'Q' || type === 'E') parts.push(NO_COPY);
    size += renamed.length;
    if ('QSH'.includes(type) || size > BATCH_BYTES) {
      return { bytes: parts.length === 1 ? renamed : Buffer.concat(parts), expectsReady: 'QS'.includes(type) };
    }
  }
  return null;
}

function ownName(client: Client, type: string, name: string): string {
  if (name === '') {
    if (type === 'P') client.hasUnnamedStatement = true;
    // Another client's may stand there by now: a name that is never given makes PostgreSQL say that it is gone.
    return client.hasUnnamedStatement ? '' : prefixOf(client);
  }
  const own = prefixOf(client) + name;
  // PostgreSQL compares 63 bytes, so a longer name could meet another one's beginning.
  return Buffer.byteLength(own) <= 63 ? own : prefixOf(client) + createHash('sha1').update(name).digest('hex');
}

function prefixOf(client: Client): string {
  return `client${client.id}_`;
}

async function send({ stream }: Client, bytes: Buffer): Promise<void> {
  if (stream.destroyed || stream.writableEnded || stream.write(bytes)) return;
  const gone = new AbortController();
  stream.once('close', () => gone.abort());
  await once(stream, 'drain', { signal: gone.signal }).catch(() => {});
}

function expel({ stream }: Client, text: string, sqlState: string): void {
  if (!stream.writableEnded) stream.write(fatalMessage(text, sqlState));
  cut(stream);
}

function cut(stream: Duplex): void {
  stream.end();
  // One turn of the loop for what was written to leave; a client that does not read must not hold anybody up.
  setImmediate().then(() => stream.destroy());
}

function withoutNotifications(output: Buffer): Buffer {
  return Buffer.concat([...splitMessages(output)].filter((each) => each[0] !== 'A'.charCodeAt(0)));
}

async function parameterStatus(pglite: PGlite): Promise<Buffer> {
  const startup = Buffer.from('\0\0\0\0\0\u0003\0\0user\0postgres\0database\0postgres\0\0', 'latin1');
  startup.writeInt32BE(startup.length, 0);
  const { data } = await pglite.execProtocol(startup, { throwOnError: false });
  const replies = splitMessages(Buffer.from(data));
  return Buffer.concat([...replies].filter((each) => each[0] === 'S'.charCodeAt(0)));
}

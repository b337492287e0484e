import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import type { PGlite } from '@electric-sql/pglite';
import type { PoolConfig } from 'pg';
import { OperatorError } from '../errors.ts';
import { acquireDirectory, directoryInUse } from './directory-lock.ts';
import { createMultiplexer } from './multiplexer.ts';
import { loadPglite } from './pglite.ts';

const POSTGRES_MAJOR = '18';
const GUESTS_LEAVE_MS = 10_000;
/**
 * PostgreSQL's usual 128 MB are filled with zeros at each start, which takes as long as all else that it does then. What
 * does not fit is read from files that the kernel keeps in memory.
 */
const SHARED_BUFFERS = '32MB';

interface EmbeddedOptions {
  dataDir: string;
  /** `serve` must own the directory; `join` owns it when nobody does, and else is the owner's guest. */
  mode: 'serve' | 'join';
  /** The database has died under this process, which had better exit: all its connections are cut for good. */
  onFailure?: (error: Error) => void;
}

/** An open embedded database. */
export interface Embedded {
  /** What `new pg.Pool` needs to reach it. */
  poolOptions: PoolConfig;
  /** Present in the owner alone: for `listen`, which pooled clients cannot do here. */
  pglite?: PGlite;
  /** Calls this one when a client may have ended what the session listens to. */
  onUnlisten(listener: () => void): void;
  /** To be called when the pool has ended. An owner writes everything out and gives the directory free. */
  close(): Promise<void>;
}

/**
 * The database whose files are in `dataDir`, made there when there is none.
 * The owner holds the files and serves guests of the same machine and user at a unix socket in the directory.
 * Throws OperatorError when another process has what `serve` must own, or the directory is not fit.
 */
export async function openEmbedded({ dataDir, mode, onFailure }: EmbeddedOptions): Promise<Embedded> {
  // Guests who knock while the database is still opening wait here.
  const waiting: Socket[] = [];
  let accept = (socket: Socket): void => {
    socket.on('error', () => {});
    waiting.push(socket);
  };
  const ownership = await acquireDirectory(dataDir, (socket) => accept(socket));
  if (!ownership.owned) {
    if (mode === 'serve') throw directoryInUse(dataDir, ownership.pid);
    return {
      poolOptions: poolOptions(() => guestSocket(ownership.socketPath)),
      onUnlisten: () => {},
      close: async () => {},
    };
  }
  try {
    const pglite = await openPglite(dataDir);
    let hasFailed = false;
    let unlistened = (): void => {};
    const multiplexer = await createMultiplexer(pglite, {
      onFailure(error) {
        hasFailed = true;
        onFailure?.(error);
      },
      onUnlisten: () => unlistened(),
    });
    accept = multiplexer.accept;
    for (const socket of waiting.splice(0)) accept(socket);
    return {
      poolOptions: poolOptions(() => multiplexer.connect()),
      pglite,
      onUnlisten(listener) {
        unlistened = listener;
      },
      async close() {
        // A command that came first is owner to those that came after it: they finish their work.
        if (mode === 'join') await multiplexer.drained(GUESTS_LEAVE_MS);
        await multiplexer.close();
        if (!hasFailed) await pglite.close();
        await ownership.release();
      },
    };
  } catch (error) {
    accept = (socket) => socket.destroy();
    for (const socket of waiting.splice(0)) socket.destroy();
    await ownership.release();
    throw error;
  }
}

// Everything that `pg` would otherwise take from PG* variables meant for another database.
function poolOptions(stream: () => Duplex): PoolConfig {
  return { stream, user: 'postgres', database: 'postgres', password: '', host: 'localhost', port: 5432, ssl: false };
}

function guestSocket(socketPath: string): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket);
  // `pg` calls it with a port and a host.
  return Object.assign(socket, { connect: () => connect({ path: socketPath }) });
}

/** Loaded when it is wanted: whoever has a PostgreSQL server has no use for it. */
async function create(dataDir: string): Promise<PGlite> {
  const { PGlite, wasm } = await loadPglite();
  return PGlite.create({
    dataDir,
    pgliteWasmModule: wasm,
    startParams: [...PGlite.defaultStartParams, '-c', `shared_buffers=${SHARED_BUFFERS}`],
  });
}

async function openPglite(dataDir: string): Promise<PGlite> {
  const pgdata = pgdataOf(dataDir);
  if (!(await isMade(dataDir))) await initialize(pgdata);
  return create(pgdata);
}

/**
 * Whether a database has been made in this directory. Throws OperatorError when what stands there is none that this
 * version can open.
 */
export async function isMade(dataDir: string): Promise<boolean> {
  const pgdata = pgdataOf(dataDir);
  const version = await readFile(join(pgdata, 'PG_VERSION'), 'utf8').catch(() => null);
  if (version?.trim() === POSTGRES_MAJOR) return true;
  if (version !== null) {
    throw new OperatorError(
      `The database in DATA_DIR ${dataDir} must be of PostgreSQL ${POSTGRES_MAJOR} (it is of ${version.trim()}). ` +
        'Open it with the version of Tessera that made it, or set another DATA_DIR.',
    );
  }
  if ((await readdir(pgdata).catch(() => [])).length > 0) {
    throw new OperatorError(
      `${join(dataDir, 'pgdata')} must be a PostgreSQL database or not exist (it has files but no PG_VERSION). ` +
        'Restore it from a backup, or move it away to start with an empty database.',
    );
  }
  return false;
}

// Made under another name and renamed when whole: whatever `pgdata.new` holds after a kill, nobody has written to it.
async function initialize(pgdata: string): Promise<void> {
  const unfinished = `${pgdata}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await (await create(unfinished)).close();
  await rename(unfinished, pgdata);
}

function pgdataOf(dataDir: string): string {
  return join(resolve(dataDir), 'pgdata');
}

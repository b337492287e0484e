import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chmod, link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorError } from '../errors.ts';

/** Who has the directory: this process, until it releases it or dies, or another one, which listens at the socket. */
export type DirectoryOwnership =
  | { owned: true; server: Server; release(): Promise<void> }
  | { owned: false; socketPath: string; pid: number | null };

const MAX_SOCKET_PATH_BYTES = 100;
const PID_FILE = 'tessera.pid';

/**
 * Makes this process the directory's one owner, or tells who is. The directory is made when missing.
 * Connections to the owner's socket, from the first instant on, go to `accept`.
 *
 * The lock is a listening unix socket, which the kernel closes with its process, however that ends. Its name carries
 * a generation, and two things hold: link(2) gives a generation to one process only, and the highest name is never
 * removed. So a starter who overslept, and claims a generation that has been and gone, always sees a higher one after
 * it and steps back. (Removing a stale socket and binding anew would let two starters each remove the other's.)
 */
export async function acquireDirectory(dir: string, accept: (socket: Socket) => void): Promise<DirectoryOwnership> {
  await prepareDirectory(dir);
  for (;;) {
    const generation = await highestGeneration(dir);
    const socketPath = pathOf(dir, generation);
    if (generation > 0 && (await isAlive(socketPath))) {
      return { owned: false, socketPath, pid: await ownersPid(dir, generation) };
    }
    if ((await highestGeneration(dir)) !== generation) continue;
    const server = await claim(dir, generation + 1, accept);
    if (server) return { owned: true, server, release: () => release(dir, server) };
  }
}

/** Throws OperatorError, naming the owner, when a living process has the directory; takes nothing. */
export async function refuseDirectoryInUse(dir: string): Promise<void> {
  const owner = await findOwner(dir);
  if (owner) throw directoryInUse(dir, owner.pid);
}

/** The living process that has the directory, or null when none has; takes nothing. */
export async function findOwner(dir: string): Promise<{ pid: number | null } | null> {
  const generation = await highestGeneration(dir).catch(() => 0);
  if (generation === 0 || !(await isAlive(pathOf(dir, generation)))) return null;
  return { pid: await ownersPid(dir, generation) };
}

/** What to tell the operator whose server found the directory taken. */
export function directoryInUse(dir: string, pid: number | null): OperatorError {
  return new OperatorError(
    `DATA_DIR ${dir} is in use by ${pid === null ? 'another process' : `process ${pid}`}: one server at a time can own ` +
      'an embedded database. Stop that one, give this one another DATA_DIR, or set DATABASE_URL to a PostgreSQL server.',
  );
}

async function prepareDirectory(dir: string): Promise<void> {
  refuseLongPath(dir);
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error) => {
    if (error.code !== 'EEXIST') throw new OperatorError(`DATA_DIR ${dir} cannot be made: ${error.message}.`);
  });
  refuseUnfit(dir, await stat(dir));
}

/** Throws OperatorError when this directory cannot be an embedded database's; one that is not there yet can. */
export async function refuseUnfitDirectory(dir: string): Promise<void> {
  refuseLongPath(dir);
  const found = await stat(dir).catch((error) => {
    if (error.code === 'ENOENT') return null;
    throw new OperatorError(`DATA_DIR ${dir} cannot be looked at: ${error.message}. Set another DATA_DIR.`);
  });
  if (found) refuseUnfit(dir, found);
}

function refuseLongPath(dir: string): void {
  const longest = join(resolve(dir), `owner.${2 ** 22}.12345678.tmp`);
  if (Buffer.byteLength(longest) > MAX_SOCKET_PATH_BYTES) {
    throw new OperatorError(
      `DATA_DIR ${dir} is too long: the path of its socket, ${longest}, must be at most ${MAX_SOCKET_PATH_BYTES} bytes ` +
        `(got ${Buffer.byteLength(longest)}). Set DATA_DIR to a shorter path.`,
    );
  }
}

function refuseUnfit(dir: string, found: Stats): void {
  if (!found.isDirectory()) {
    throw new OperatorError(`DATA_DIR ${dir} must be a directory. Move that file away, or set another DATA_DIR.`);
  }
  const uid = process.getuid?.();
  if (uid !== undefined && found.uid !== uid) {
    throw new OperatorError(
      `DATA_DIR ${dir} must belong to the user who runs Tessera (uid ${uid}; it belongs to uid ${found.uid}). ` +
        `Run \`chown ${uid} ${dir}\`, or set another DATA_DIR.`,
    );
  }
  if (found.mode & 0o022) {
    const mode = (found.mode & 0o777).toString(8);
    throw new OperatorError(
      `DATA_DIR ${dir} must not be writable by others than its owner (its mode is ${mode}). Run \`chmod 700 ${dir}\`.`,
    );
  }
}

/** The server that now holds this generation, or null when somebody else was faster. */
async function claim(dir: string, generation: number, accept: (socket: Socket) => void): Promise<Server | null> {
  const server = createServer(accept);
  // Listening before it has the name that counts: nobody can ever find that name and take it for stale.
  const temporary = join(resolve(dir), `owner.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(temporary, done);
  });
  try {
    await chmod(temporary, 0o600);
    await link(temporary, pathOf(dir, generation));
  } catch (error) {
    await closeServer(server);
    const { code } = error as NodeJS.ErrnoException;
    // ENOENT: a new owner has swept our temporary name away.
    if (code === 'EEXIST' || code === 'ENOENT') return null;
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP') {
      throw new OperatorError(
        `DATA_DIR ${dir} must be on a filesystem that can hard-link a socket (this one says ${code}). ` +
          'Set DATA_DIR to a local directory.',
      );
    }
    throw error;
  }
  if ((await highestGeneration(dir)) > generation) {
    await rm(pathOf(dir, generation), { force: true });
    await closeServer(server);
    return null;
  }
  await sweep(dir, generation);
  // The generation on the second line tells a reader that this is not a dead owner's file.
  await writeFile(join(dir, PID_FILE), `${process.pid}\n${generation}\n`, { mode: 0o600 });
  return server;
}

async function sweep(dir: string, generation: number): Promise<void> {
  for (const name of await readdir(dir)) {
    const isOld = generationOf(name) > 0 && generationOf(name) < generation;
    if (isOld || /^owner\..*\.tmp$/.test(name)) await rm(join(dir, name), { force: true });
  }
}

async function release(dir: string, server: Server): Promise<void> {
  await rm(join(dir, PID_FILE), { force: true });
  // Node removes the name it bound, the temporary one: the generation stays behind, stale, and must.
  await closeServer(server);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}

/** The highest generation that has a name, 0 when none has. */
async function highestGeneration(dir: string): Promise<number> {
  return Math.max(0, ...(await readdir(dir)).map(generationOf));
}

function generationOf(name: string): number {
  return Number(/^owner\.(\d{1,15})\.sock$/.exec(name)?.[1] ?? 0);
}

function pathOf(dir: string, generation: number): string {
  return join(resolve(dir), `owner.${generation}.sock`);
}

function isAlive(socketPath: string): Promise<boolean> {
  return new Promise((answer, fail) => {
    const probe = createConnection(socketPath);
    probe.once('connect', () => {
      probe.destroy();
      answer(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      // EAGAIN: its queue is full, as that of a stopped process is sooner or later; it lives.
      if (error.code === 'EAGAIN') answer(true);
      // ECONNRESET: the owner closed its door before it had opened it to us, so it has none any more.
      else if (['ECONNREFUSED', 'ECONNRESET', 'ENOENT'].includes(error.code ?? '')) answer(false);
      else fail(error);
    });
  });
}

/** The owner of this generation by its pid file, null when it has not written one within half a second. */
async function ownersPid(dir: string, generation: number): Promise<number | null> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const text = await readFile(join(dir, PID_FILE), 'utf8').catch(() => '');
    const [pid, of] = text.split('\n').map(Number);
    if (pid && of === generation) return pid;
    await sleep(50);
  }
  return null;
}

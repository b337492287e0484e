import { execFile, execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../free-ports.ts';
import { findTool } from '../tools.ts';

const run = promisify(execFile);

/** A PostgreSQL of its own, which can be ended and begun again, and stopped in the middle of what it does. */
export async function startCluster() {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-cluster-'));
  const data = join(folder, 'data');
  const [port] = await freePorts(1);
  // It does not run as root.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, idOf('-u'), idOf('-g'));
  function asPostgres(tool: string, ...parts: string[]): Promise<unknown> {
    const command = [findTool(tool) ?? tool, ...parts];
    // An output that is a pipe would stay open for as long as the server runs.
    const [file = '', ...rest] = isRoot ? ['runuser', '-u', 'postgres', '--', ...command] : command;
    return run(file, rest, { cwd: '/' });
  }

  const settings = [
    `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`,
    '-c max_connections=50',
  ].join(' ');
  async function start(): Promise<void> {
    await asPostgres('pg_ctl', '-D', data, '-w', '-l', join(folder, 'log'), '-o', settings, 'start');
  }

  /** The postmaster and all that it has begun. */
  function signal(name: NodeJS.Signals): void {
    const postmaster = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(postmaster)], { encoding: 'utf8' });
    for (const pid of [postmaster, ...children.trim().split(/\s+/).map(Number)]) process.kill(pid, name);
  }

  async function stop(mode: 'fast' | 'immediate'): Promise<void> {
    await asPostgres('pg_ctl', '-D', data, '-w', '-m', mode, 'stop');
  }

  await asPostgres('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync');
  await start();
  return {
    url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    start,
    stop,
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async end(): Promise<void> {
      await stop('immediate').catch(() => {});
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function idOf(flag: string): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}

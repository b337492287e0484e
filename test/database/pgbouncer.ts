import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** PgBouncer in transaction mode before the server of this URL, with fewer connections to it than tests open. */
export async function startPgBouncer(serverUrl: string) {
  const server = new URL(serverUrl);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'tessera-pgbouncer-'));
  const ini = join(folder, 'pgbouncer.ini');
  const password = server.password ? ` password='${decodeURIComponent(server.password)}'` : '';
  writeFileSync(
    ini,
    `[databases]
* = host=${server.hostname} port=${server.port || 5432} user=${server.username}${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
`,
  );
  const child = spawn('pgbouncer', ['-q', ini], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(await identity(folder, ini)),
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  for (let attempt = 1; !(await answers(port)); attempt++) {
    if (attempt === 100) throw new Error(`PgBouncer did not start: ${said}`);
    await sleep(50);
  }
  return {
    /** The URL by which this database is reached through it. */
    urlOf(databaseUrl: string): string {
      return Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port), password: '' }).href;
    },
    async stop(): Promise<void> {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

// It refuses to run as root.
async function identity(folder: string, ini: string) {
  if (process.getuid?.() !== 0) return {};
  chmodSync(folder, 0o755);
  chmodSync(ini, 0o644);
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

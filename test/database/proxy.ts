import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('fixtures/proxy.mjs', import.meta.url));

/** A TCP proxy in front of this database, in a process that can be stopped and continued. */
export async function startProxy(databaseUrl: string) {
  const url = new URL(databaseUrl);
  const child = spawn(process.execPath, [SCRIPT, url.hostname, url.port || '5432'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [port] = await once(child.stdout, 'data');
  Object.assign(url, { hostname: '127.0.0.1', port: String(port).trim() });
  return {
    url: url.href,
    stop: () => child.kill('SIGSTOP'),
    goOn: () => child.kill('SIGCONT'),
    async end(): Promise<void> {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

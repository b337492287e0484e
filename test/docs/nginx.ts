import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePorts } from '../free-ports.ts';

const HOST = 'auth.example.org';
const site = readFileSync(new URL('../../docs/guides/deployment/nginx.conf', import.meta.url), 'utf8');

interface Asked {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Told of each part of the answer's body as it comes. */
  onPart?(part: string): void;
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/**
 * The guide's nginx in front of these servers, with a certificate made for the occasion; nothing else of the site is
 * changed than paths, ports and the upstream's servers. Ended at the end of the test.
 */
export async function startNginx(origins: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-nginx-'));
  const [http, https] = await freePorts(2);
  makeCertificate(folder);
  const conf = join(folder, 'nginx.conf');
  const serversOf = (down?: string) => origins.map((origin) => serverLine(origin, origin === down)).join('\n');
  writeFileSync(join(folder, 'site.conf'), siteFor(folder, { http, https }, serversOf()));
  writeFileSync(conf, mainFor(folder));
  execFileSync('nginx', ['-t', '-q', '-e', 'stderr', '-c', conf], { stdio: 'pipe' });

  const child = spawn('nginx', ['-e', 'stderr', '-c', conf]);
  let stderr = '';
  const heard = new EventEmitter();
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
    heard.emit('line');
  });
  const finished = new Promise((resolve) => child.on('close', resolve));
  /** Everything that nginx has logged, errors included, when it has ended. */
  async function stop(): Promise<string> {
    child.kill('SIGQUIT');
    await finished;
    return readFileSync(join(folder, 'tessera.log'), 'utf8') + stderr;
  }
  onTestFinished(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });

  const ca = readFileSync(join(folder, 'fullchain.pem'));
  function ask(path: string, { method = 'POST', headers = {}, body = '', onPart }: Asked = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        // A connection each: nginx closes those that are idle when it is reloaded.
        {
          agent: false,
          host: '127.0.0.1',
          port: https,
          servername: HOST,
          ca,
          path,
          method,
          headers: { host: HOST, 'accept-encoding': 'gzip', ...headers },
        },
        async (response) => {
          let text = '';
          for await (const part of response.setEncoding('utf8')) {
            text += part;
            onPart?.(part);
          }
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        },
      );
      request.on('error', reject).end(body);
    });
  }

  /** Marks this server as down, or none, reloads, and waits until no worker is left that knew it otherwise. */
  async function reload(down?: string): Promise<void> {
    const workersGone = () => stderr.match(/worker process \d+ exited with code 0/g)?.length ?? 0;
    const before = workersGone();
    writeFileSync(join(folder, 'site.conf'), siteFor(folder, { http, https }, serversOf(down)));
    child.kill('SIGHUP');
    while (workersGone() === before) await once(heard, 'line');
  }

  await untilListening(
    () => ask('/health/live', { method: 'GET' }),
    () => stderr,
  );
  return {
    ask,
    reload,
    httpOrigin: `http://127.0.0.1:${http}`,
    stop,
  };
}

async function untilListening(ask: () => Promise<unknown>, why: () => string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await ask();
      return;
    } catch (error) {
      if (attempt === 100) throw new Error(`nginx did not start: ${why()}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function makeCertificate(folder: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const name = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`];
  const files = ['-keyout', join(folder, 'privkey.pem'), '-out', join(folder, 'fullchain.pem')];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...name, ...files], { stdio: 'pipe' });
}

function serverLine(origin: string, isDown: boolean): string {
  return `server ${new URL(origin).host} max_fails=0${isDown ? ' down' : ''};`;
}

function siteFor(folder: string, { http, https }: Record<string, number | undefined>, servers: string): string {
  return site
    .replaceAll('/etc/ssl/tessera', folder)
    .replaceAll('/var/log/nginx', folder)
    .replaceAll(/^.*listen \[::\].*$/gm, '')
    .replace('listen 80;', `listen 127.0.0.1:${http};`)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${https} ssl;`)
    .replace('server 127.0.0.1:4000 max_fails=0;', servers);
}

// What a distribution's own nginx.conf holds around a site.
function mainFor(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    daemon off;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    pid ${folder}/nginx.pid;
    error_log stderr notice;
    events {}
    http {
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')}
      gzip on;
      gzip_types application/json;
      include ${folder}/site.conf;
    }`;
}

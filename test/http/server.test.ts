import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type ServerResponse } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { Answer } from '../../src/http/answer.ts';
import type { Outgoing } from '../../src/http/outgoing.ts';
import { listen } from '../../src/http/server.ts';
import { freePort } from '../docs/printed.ts';
import { startServer, tessera } from '../program.ts';
import { databaseOfItsOwn, PASSWORD } from '../world.ts';

const own = await databaseOfItsOwn();
afterAll(own.drop);
const env = { ...own.env, NODE_ENV: 'test', BCRYPT_COST: '4', TOKEN_SECRETS: 't'.repeat(32) };

/** A connection, and all that comes back on it until it closes. */
function open(origin: string) {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname).setEncoding('utf8');
  let received = '';
  socket.on('data', (part) => {
    received += part;
  });
  return { socket, answer: once(socket, 'close').then(() => received) };
}

/** The whole answer to these bytes, sent as they are. */
function raw(origin: string, text: string): Promise<string> {
  const { socket, answer } = open(origin);
  socket.write(text);
  return answer;
}

describe('the server', () => {
  it('says that it is starting until it is told what to serve', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 100 });
    onTestFinished(() => server.close());
    const status = async (path: string) => (await fetch(server.url + path)).status;
    expect([await status('/health/live'), await status('/health/ready'), await status('/graphql')]).toEqual([
      200, 503, 503,
    ]);
    let isThere = true;
    server.serve(
      (_request, response) => response.end('served'),
      async () => isThere,
    );
    expect([await status('/health/live'), await status('/health/ready'), await status('/graphql')]).toEqual([
      200, 200, 200,
    ]);
    isThere = false;
    expect([await status('/health/live'), await status('/health/ready')]).toEqual([200, 503]);
  });

  it('counts no request as in flight whose client has gone, also of those that wait for one another', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 100 });
    onTestFinished(() => server.close());
    server.serve(
      () => {},
      async () => true,
    );
    const { socket } = open(server.url);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5));
    await expect.poll(() => server.requestsInFlight()).toBe(5);
    const other = open(server.url);
    other.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => server.requestsInFlight()).toBe(6);
    socket.destroy();
    await expect.poll(() => server.requestsInFlight()).toBe(1);
    other.socket.destroy();
    await expect.poll(() => server.requestsInFlight()).toBe(0);
  });

  it('answers what it has read before it refuses what comes behind', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 100 });
    onTestFinished(() => server.close());
    server.serve(
      (_request, response) => (response as Outgoing).answer(new Answer('{}', { status: 200, headers: {} })),
      async () => true,
    );
    const good = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';
    for (const [bad, status] of [
      ['GARBAGE\r\n\r\n', 400],
      [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\n`, 431],
    ]) {
      const answers = await raw(server.url, `${good}${bad}`);
      expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', `HTTP/1.1 ${status}`]);
    }
  });

  it('tells what it refuses while it starts by an id, too', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 100 });
    onTestFinished(() => server.close());
    const idFor = async (headers: Record<string, string>) =>
      (await fetch(`${server.url}/graphql`, { headers })).headers.get('x-request-id');
    expect(await idFor({ 'x-request-id': 'mine' })).toBe('mine');
    expect(await idFor({ 'x-request-id': 'not mine' })).toMatch(/^[\da-f-]{36}$/);
    expect(await idFor({})).toMatch(/^[\da-f-]{36}$/);
    const answer = raw(
      server.url,
      'GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nX-Request-Id: b\r\nConnection: close\r\n\r\n',
    );
    expect(await answer).toMatch(/^x-request-id: [\da-f-]{36}\r$/im);
  });

  it('finishes what is in flight, says that it drains, and takes nothing new', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 5_000 });
    let inFlight: ServerResponse | null = null;
    server.serve(
      (_request, response) => {
        inFlight = response;
      },
      async () => true,
    );
    const { socket, answer } = open(server.url);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => inFlight).not.toBeNull();
    const closed = server.close();
    await expect(fetch(server.url)).rejects.toThrow();
    socket.write('GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n');
    (inFlight as ServerResponse | null)?.end('finished');
    await closed;
    expect(await answer).toMatch(/finished[\s\S]*503 Service Unavailable[\s\S]*"draining"/);
  });

  it('answers what comes by a connection that was idle when it began to drain, and closes it then', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 5_000, lingerMs: 4_000 });
    server.serve(
      (_request, response) => void response.end('served'),
      async () => true,
    );
    const { socket, answer } = open(server.url);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    const closed = server.close();
    await expect(fetch(server.url)).rejects.toThrow();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await answer).toMatch(/served[\s\S]*Connection: close[\s\S]*served/);
    await closed;
  });

  it('cuts off what is not finished in time', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 50 });
    server.serve(
      () => {},
      async () => true,
    );
    const answer = raw(server.url, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(async () => (await fetch(`${server.url}/health/live`)).status).toBe(200);
    await server.close();
    expect(await answer).toBe('');
  });

  it('says which port is taken and what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(listen({ host: '127.0.0.1', port, drainMs: 0 })).rejects.toThrow(
      `PORT ${port} on 127.0.0.1 is in use. Stop what listens there, or set PORT to another.`,
    );
  });
});

describe('npm start', () => {
  it('says where GraphQL is and how to make the first superuser, and serves', async () => {
    const server = await startServer({ ...env, NODE_ENV: 'development', BCRYPT_COST: '10' });
    expect(server.output.stdout).toBe(
      [
        '',
        'Tessera is ready.',
        `  GraphQL   ${server.url}`,
        `  GraphiQL  ${server.url}  (open it in a browser)`,
        '',
        'Make the first superuser:',
        '  npx tessera user create <username> --superuser',
        '',
        '',
      ].join('\n'),
    );
    expect((await fetch(`${server.origin}/health/ready`)).status).toBe(200);
    const made = await tessera(['user', 'create', 'root', '--superuser', '--password-stdin'], env, PASSWORD);
    expect(made).toEqual({ code: 0, stdout: 'Created superuser root.\n', stderr: '' });
  });

  it('puts out one line of JSON an event outside development, and lines for people in it', async () => {
    const server = await startServer(env);
    await fetch(server.url, { headers: { 'x-nothing': 'x' } });
    server.child.kill('SIGTERM');
    const { stdout, stderr } = await server.finished;
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(stderr).toBe('');
    expect(lines.map(({ msg }) => msg)).toEqual([
      'Tessera is ready.',
      'request',
      'SIGTERM received: finishing what is in flight',
    ]);
    expect(lines[0]).toMatchObject({ level: 30, graphql: server.url });

    const developing = await startServer({ ...env, NODE_ENV: 'development', BCRYPT_COST: '10' });
    await fetch(developing.url, { headers: { 'x-nothing': 'x' } });
    developing.child.kill('SIGTERM');
    expect((await developing.finished).stdout).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: request \{"requestId":/m);
  });

  it('answers a login that is in flight at SIGTERM, and exits 0', async () => {
    const slow = { ...env, BCRYPT_COST: '12' };
    const server = await startServer(slow);
    const answer = fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query: 'mutation { obtainAuthToken(input: { username: "root", password: "x" }) { ... on Error { message } } }',
      }),
    });
    await new Promise((resolve) => {
      const socket = httpRequest(`${server.origin}/health/live`, resolve);
      socket.end();
    });
    server.child.kill('SIGTERM');
    expect(await (await answer).json()).toEqual({
      data: { obtainAuthToken: { message: 'Unable to log in with provided credentials.' } },
    });
    expect((await server.finished).code).toBe(0);
  });

  it('names the process that has the embedded directory, on the same port and on another', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'tessera-twice-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const server = await startServer({ DATA_DIR: dataDir });
    for (const PORT of [new URL(server.origin).port, '0']) {
      expect(await tessera(['serve'], { DATA_DIR: dataDir, PORT })).toEqual({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining(`DATA_DIR ${dataDir} is in use by process ${server.child.pid}:`),
      });
    }
  });

  it('refuses two Authorization headers, of which Node would drop one in silence, and logs it', async () => {
    const server = await startServer(env);
    const answer = await raw(
      server.origin,
      'GET /graphql?query={__typename} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Token a\r\nAuthorization: Token b\r\n\r\n',
    );
    expect(answer).toMatch(
      /^HTTP\/1\.1 400 [\s\S]*"message":"Two Authorization headers were sent\. Send one\.".*"code":"BAD_REQUEST"/,
    );
    const requestId = /x-request-id: (\S+)/i.exec(answer)?.[1] ?? 'none';
    await expect.poll(() => server.output.stdout).toContain(`"requestId":"${requestId}","operation":null`);
  });

  it.each(['[', 'a b', 'a:99999', '%zz'])('tells nobody how a Host that is none was read: %s', async (host) => {
    const server = await startServer({
      ...env,
      NODE_ENV: 'production',
      BCRYPT_COST: '10',
      PUBLIC_URL: 'https://tessera.test',
    });
    const answer = await raw(server.origin, `GET /graphql HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toMatch(/\r\n\r\n[0-9a-f]*\s*\{"status":"the Host header is no host"\}\n/);
    expect(answer).not.toMatch(/Error|node_modules/);
  });

  it.runIf(existsSync('/dev/full'))('serves on, and stops when told, where its log cannot be written', async () => {
    const port = await freePort(4000);
    const { PATH = '' } = process.env;
    for (const NODE_ENV of ['production', 'development']) {
      const main = new URL('../../dist/main.js', import.meta.url).pathname;
      const child = spawn('sh', ['-c', 'exec "$@" > /dev/full', 'sh', process.execPath, main], {
        env: { PATH, ...env, NODE_ENV, BCRYPT_COST: '10', PUBLIC_URL: 'https://tessera.test', PORT: port },
        stdio: 'ignore',
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const ended = once(child, 'close');
      const ask = () => fetch(`http://127.0.0.1:${port}/graphql?query={__typename}`).then((reply) => reply.json());
      await expect.poll(() => ask().catch(() => null), { timeout: 20_000 }).toEqual({ data: { __typename: 'Query' } });
      for (let n = 0; n < 20; n++) expect(await ask()).toEqual({ data: { __typename: 'Query' } });
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    }
  });

  it('exits at once at a second signal', async () => {
    const server = await startServer(env);
    const { hostname, port } = new URL(server.origin);
    const held = connect(Number(port), hostname);
    onTestFinished(() => void held.destroy());
    // Half a request keeps the first signal's drain waiting.
    held.write('POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{');
    await expect.poll(async () => (await fetch(`${server.origin}/health/live`)).status).toBe(200);
    server.child.kill('SIGINT');
    await expect.poll(() => server.output.stdout).toContain('SIGINT received');
    server.child.kill('SIGINT');
    expect((await server.finished).code).toBe(1);
  });

  it('refuses a wrong configuration in one message, before anything is opened', async () => {
    const { code, stdout, stderr } = await tessera(['serve'], {
      PORT: 'abc',
      BCRYPT_COST: '3',
      DATA_DIR: '/nowhere/at/all',
    });
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: [
        'The configuration is not usable:',
        '  PORT must be a whole number from 0 to 65535 (got "abc")',
        '  BCRYPT_COST must be a whole number from 10 to 15 (got "3")',
        '',
      ].join('\n'),
    });
  });

  it('refuses to start in production on a database server without TOKEN_SECRETS', async () => {
    const { code, stderr } = await tessera(['serve'], {
      NODE_ENV: 'production',
      DATABASE_URL: 'postgresql://127.0.0.1:1/none',
    });
    expect(code).toBe(1);
    expect(stderr).toContain('TOKEN_SECRETS must be set when NODE_ENV is production');
    expect(stderr).toContain('Make one with: npx tessera secrets new');
  });

  it('says in one line that the database server is not there', async () => {
    const { code, stderr } = await tessera(['serve'], {
      ...env,
      PORT: '0',
      DATABASE_URL: 'postgresql://u:hidden@127.0.0.1:1/none',
    });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'DATABASE_URL cannot be connected to (connect ECONNREFUSED 127.0.0.1:1): nothing listens there. Start PostgreSQL, or correct the host and port.\n',
    });
  });
});

import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type HttpLimits, listen } from '../../src/http/server.ts';
import { type StartedServer, startServer } from '../program.ts';
import { databaseOfItsOwn } from '../world.ts';

const own = await databaseOfItsOwn();
afterAll(own.drop);

function open(origin: string): Socket {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname).on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

// `once` would fail on what such a connection may end with: a reset.
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.on('close', () => resolve()));
}

/** All that comes back until the connection is closed, after these bytes were sent. */
async function answerTo(origin: string, text: string): Promise<string> {
  const socket = open(origin).setEncoding('utf8');
  let received = '';
  socket.on('data', (part) => {
    received += part;
  });
  socket.write(text);
  await closed(socket);
  return received;
}

function refusal(status: string, text: string): string {
  const body = `{"status":"${text}"}\n`;
  return [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json; charset=utf-8',
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
    'Referrer-Policy: no-referrer',
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

const POST = 'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

describe('a server with small limits', () => {
  let server: StartedServer;
  beforeAll(async () => {
    const limits = {
      HEADERS_TIMEOUT: '1s',
      REQUEST_TIMEOUT: '2s',
      MAX_HEADER_BYTES: '2048',
      MAX_BODY_BYTES: '2048',
    };
    const env = {
      ...own.env,
      NODE_ENV: 'test',
      BCRYPT_COST: '4',
      TOKEN_SECRETS: 't'.repeat(32),
      RATE_LIMIT_PER_ADDRESS: 'none',
    };
    let kill = async () => {};
    server = await startServer({ ...env, ...limits }, (end) => {
      kill = end;
    });
    return () => kill();
  }, 60_000);

  async function isServed(): Promise<boolean> {
    const reply = await fetch(`${server.url}?query={__typename}`, { headers: { 'x-nothing': 'x' } });
    return reply.status === 200;
  }

  it('refuses headers that are too long', async () => {
    const answer = await answerTo(server.origin, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(2_048)}\r\n\r\n`);
    expect(answer).toBe(refusal('431 Request Header Fields Too Large', 'the headers are too long'));
  });

  it('refuses what is no HTTP', async () => {
    const answer = await answerTo(server.origin, 'EHLO example.org\r\n\r\n');
    expect(answer).toBe(refusal('400 Bad Request', 'the request is malformed'));
  });

  it.each([
    ['by its length', `${POST}Connection: close\r\nContent-Length: 2049\r\n\r\n${'x'.repeat(2_049)}`],
    [
      'in chunks',
      `${POST}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n801\r\n${'x'.repeat(2_049)}\r\n0\r\n\r\n`,
    ],
  ])('refuses a body that is too long, told %s', async (_name, text) => {
    const answer = await answerTo(server.origin, text);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/\r\nX-Content-Type-Options: nosniff\r\n/i);
    expect(answer).toContain('{"errors":[{"message":"Request body too large","extensions":{"code":"BAD_REQUEST"}}]}');
  });

  it.each([
    ['headers', `${POST}X-Slow: `, 'x'],
    ['a body', `${POST}Content-Length: 2000\r\n\r\n{`, ' '],
    ['nothing at all', '', ''],
  ])('gives up clients that send %s slowly, and serves others meanwhile', async (_name, start, more) => {
    const slow = Array.from({ length: 100 }, () => open(server.origin).setEncoding('utf8'));
    let answers = '';
    for (const socket of slow) {
      socket.on('data', (part) => {
        answers += part;
      });
      socket.write(start);
    }
    const dripping = setInterval(() => {
      for (const socket of slow) if (more && socket.writable) socket.write(more);
    }, 100);
    onTestFinished(() => clearInterval(dripping));
    const allGone = Promise.all(slow.map(closed));
    let served = 0;
    let isOver = false;
    const asking = (async () => {
      for (; !isOver; served++) expect(await isServed()).toBe(true);
    })();
    await allGone;
    isOver = true;
    await asking;
    expect(served).toBeGreaterThan(0);
    // What a client still sends when it is answered may cost it the answer.
    const each = refusal('408 Request Timeout', 'the request did not come in time');
    expect([answers.includes(each), answers.replaceAll(each, '')]).toEqual([true, '']);
    expect(server.output.stdout).not.toMatch(/"level":[56]0/);
  });
});

describe('the limits of a server', () => {
  const LIMITS: HttpLimits = {
    headersMs: 60_000,
    requestMs: 60_000,
    keepAliveMs: 60_000,
    stalledMs: 60_000,
    headerBytes: 16_384,
    connections: 1_000,
    connectionsPerAddress: null,
  };

  async function serve(limits: Partial<HttpLimits>, listener: RequestListener, proxies: string[] = []) {
    const server = await listen({
      host: '127.0.0.1',
      port: 0,
      drainMs: 50,
      limits: { ...LIMITS, ...limits },
      isTrustedProxy: (address) => proxies.includes(address),
    });
    onTestFinished(() => server.close());
    server.serve(listener, async () => true);
    return server.url;
  }

  const hello: RequestListener = (_request, response) => void response.end('hello');
  const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

  /** Opens a connection and asks by it: the status line, or nothing when it is closed instead. */
  async function ask(url: string): Promise<{ socket: Socket; answer: string }> {
    const socket = open(url).setEncoding('utf8');
    socket.write(GET);
    const [answer] = await Promise.race([once(socket, 'data'), closed(socket).then(() => [''])]);
    return { socket, answer: String(answer).split('\r\n', 1)[0] ?? '' };
  }
  const isWelcome = async (url: string) => (await ask(url)).answer === 'HTTP/1.1 200 OK';

  it.each<[string, Partial<HttpLimits>]>([
    ['one address', { connectionsPerAddress: 2 }],
    ['all', { connections: 2 }],
  ])('takes no more connections than it may of %s, and others when those are gone', async (_name, limits) => {
    const url = await serve(limits, hello);
    const held = [await ask(url), await ask(url)];
    expect(held.map(({ answer }) => answer)).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
    expect(await isWelcome(url)).toBe(false);
    held[0]?.socket.destroy();
    await expect.poll(() => isWelcome(url)).toBe(true);
  });

  it('takes any number from a proxy, by whom many come', async () => {
    const url = await serve({ connectionsPerAddress: 2 }, hello, ['127.0.0.1']);
    for (let n = 0; n < 5; n++) expect(await isWelcome(url)).toBe(true);
  });

  it('drops no header, however many there are: no second Authorization slips by', async () => {
    let seen = 0;
    const url = await serve({}, (request, response) => {
      seen = request.rawHeaders.filter((name) => name === 'Authorization').length;
      response.end();
    });
    const many = 'a:\r\n'.repeat(2_500);
    const text = `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: a\r\n${many}Authorization: b\r\n\r\n`;
    expect(await answerTo(url, text)).toMatch(/^HTTP\/1\.1 200 /);
    expect(seen).toBe(2);
  });

  const LONG = Buffer.alloc(16_000_000);

  it('cuts off a client that does not read its answer', async () => {
    let answered: ServerResponse | undefined;
    const url = await serve({ stalledMs: 200 }, (_request, response) => {
      answered = response;
      response.end(LONG);
    });
    const socket = open(url).pause();
    socket.write(GET);
    await expect.poll(() => answered?.destroyed, { timeout: 10_000 }).toBe(true);
    let received = 0;
    socket.on('data', (part) => {
      received += part.length;
    });
    socket.resume();
    await closed(socket);
    expect(received).toBeLessThan(LONG.length);
  });

  it('bears with one that reads slowly, and with a stream in which little happens', async () => {
    const url = await serve({ stalledMs: 1_500 }, (request, response) => {
      if (request.url === '/stream') response.write('begun');
      else response.end(LONG);
    });
    const stream = open(url);
    stream.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(stream, 'data');
    const slow = open(url);
    let received = 0;
    slow.on('data', async (part) => {
      received += part.length;
      slow.pause();
      await sleep(5);
      slow.resume();
    });
    slow.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await closed(slow);
    expect(received).toBeGreaterThan(LONG.length);
    expect(stream.closed).toBe(false);
  });
});

import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Answer } from '../../src/http/answer.ts';
import { type Outgoing, outgoingOf } from '../../src/http/outgoing.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

type Handle = (request: IncomingMessage, response: Outgoing) => void;

async function listening(handle: Handle, keepAliveMs = 5_000): Promise<Server> {
  const options = { ServerResponse: outgoingOf(keepAliveMs), keepAliveTimeout: keepAliveMs };
  const server = createServer(options, handle as unknown as RequestListener);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function open(server: Server): Socket {
  return connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay(true);
}

const ASKED = 'POST / HTTP/1.1\r\nHost: tessera.test\r\nContent-Length: 0\r\n\r\n';

/** All that comes until it holds this often what it is to end with, or the connection is closed. */
async function answerTo(server: Server, text: string, end = 'END', times = 1): Promise<string> {
  const socket = open(server);
  socket.write(text);
  let received = '';
  for await (const part of socket) {
    received += (part as Buffer).toString('latin1');
    if (received.split(end).length > times) break;
  }
  socket.destroy();
  return received.replace(/Date: [^\r]+ GMT/, 'Date: some day');
}

const HEADERS = { 'content-type': 'application/json', 'X-Request-Id': 'an id', Vary: 'Cookie' };
const answer = (body = '{} END', headers: Record<string, string> = HEADERS, status = 200) =>
  new Answer(body, { status, headers });

/** By Node's own way. */
function answerByNode(response: Outgoing, { status, headers, body, encoding }: Answer): void {
  response.writeHead(status, headers.list);
  response.end(body, encoding);
}

describe('an answer of one text', () => {
  const cases: [string, () => Answer, string, Handle?][] = [
    ['a plain one', () => answer(), ASKED],
    ['a refusal', () => answer('{} END', { ...HEADERS, 'www-authenticate': 'Token' }, 401), ASKED],
    ['one of a status without a name', () => answer('{} END', HEADERS, 299), ASKED],
    ['a body of more bytes than characters', () => answer('{"name":"Zoë 🌍"} END'), ASKED],
    ['two cookies', () => twoCookies(), ASKED],
    ['a header in Latin-1', () => answer('{} END', { name: 'é' }), ASKED],
    ['to HTTP/1.0', () => answer(), ASKED.replace('HTTP/1.1', 'HTTP/1.0')],
    [
      'to HTTP/1.0 that stays',
      () => answer(),
      ASKED.replace('HTTP/1.1', 'HTTP/1.0').replace('Host', 'Connection: keep-alive\r\nHost'),
    ],
    ['to the last on its connection', () => answer(), ASKED.replace('Host', 'Connection: close\r\nHost')],
    ['that closes the connection', () => answer('{} END', { ...HEADERS, Connection: 'close' }), ASKED],
    ['with a date of its own', () => answer('{} END', { date: 'Thu, 01 Jan 1970 00:00:00 GMT' }), ASKED],
    ['beside a header that was set before', () => answer(), ASKED, (_, response) => response.setHeader('name', 'set')],
    [
      'of a connection that is to be closed',
      () => answer(),
      ASKED,
      (_, response) => response.setHeader('Connection', 'close'),
    ],
  ];

  function twoCookies(): Answer {
    const made = answer();
    made.headers.append('set-cookie', 'a=1');
    made.headers.append('set-cookie', 'b=2');
    return made;
  }

  it.each(cases)('has the bytes that Node gives it: %s', async (_name, make, text, prepare = () => {}) => {
    const own = await listening((request, response) => {
      prepare(request, response);
      response.answer(make());
    });
    const nodes = await listening((request, response) => {
      prepare(request, response);
      answerByNode(response, make());
    });
    const expected = await answerTo(nodes, text);
    expect(expected).toMatch(/^HTTP\/1\.1 \d{3} /);
    // Again: what it was before is known then.
    for (let time = 0; time < 2; time++) expect(await answerTo(own, text)).toBe(expected);
  });

  it.each([0, 1_999, 65_000])('tells how long an idle connection is kept: %d ms', async (keepAliveMs) => {
    const own = await listening((_, response) => response.answer(answer()), keepAliveMs);
    const nodes = await listening((_, response) => answerByNode(response, answer()), keepAliveMs);
    expect(await answerTo(own, ASKED)).toBe(await answerTo(nodes, ASKED));
  });

  it('has the header that it is given, whatever it was before', async () => {
    const values = ['a', 'b', 'b', 'a', 'a'];
    let count = 0;
    const server = await listening((_, response) => {
      response.answer(answer(undefined, { vary: values[count] as string }));
      count += 1;
    });
    for (const value of values) expect(await answerTo(server, ASKED)).toContain(`\r\nvary: ${value}\r\n`);
  });

  it('is no second one', async () => {
    let thrown: unknown;
    const server = await listening((_, response) => {
      response.writeHead(200, { 'content-length': 3 });
      try {
        response.answer(answer());
      } catch (error) {
        thrown = error;
      }
      response.end('END');
    });
    expect((await answerTo(server, ASKED)).match(/HTTP/g)).toHaveLength(1);
    expect(thrown).toMatchObject({ code: 'ERR_HTTP_HEADERS_SENT' });
  });

  it.each([
    ['to HEAD', 'HEAD', 200],
    ['of status 204', 'POST', 204],
    ['of status 304', 'POST', 304],
  ])('has no body where none may come: %s', async (_name, method, status) => {
    const text = ASKED.replace('POST', method);
    const make = () => answer(undefined, HEADERS, status);
    const own = await listening((_, response) => response.answer(make()));
    const nodes = await listening((_, response) => answerByNode(response, make()));
    const expected = await answerTo(nodes, text, '\r\n\r\n');
    expect(expected).not.toContain('END');
    expect(await answerTo(own, text, '\r\n\r\n')).toBe(expected);
  });

  it('tells the time of each answer', async () => {
    const server = await listening((_, response) => response.answer(answer()));
    async function dateOf(now: string): Promise<string | undefined> {
      vi.useFakeTimers({ now: new Date(now), toFake: ['Date'] });
      const socket = open(server);
      socket.write(ASKED);
      const [text] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return /Date: (.+)\r/.exec(String(text))?.[1];
    }
    try {
      expect(await dateOf('2026-11-26T10:00:00.999Z')).toBe('Thu, 26 Nov 2026 10:00:00 GMT');
      expect(await dateOf('2026-11-26T10:00:01Z')).toBe('Thu, 26 Nov 2026 10:00:01 GMT');
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    ['a value', { name: 'a\r\nset-cookie: b' }],
    ['a name', { 'na me': 'value' }],
    ['a value of a header that was good before', { vary: 'Cookie\n' }],
  ])('is refused by Node where %s can be none', async (_name, headers) => {
    let thrown: unknown;
    const server = await listening((_, response) => {
      try {
        response.answer(answer('{}', headers as unknown as Record<string, string>));
      } catch (error) {
        thrown = error;
        response.destroy();
      }
    });
    await answerTo(server, ASKED);
    expect(thrown).toMatchObject({ code: expect.stringMatching(/^ERR_INVALID_(CHAR|HTTP_TOKEN)$/) });
  });
});

describe('a connection', () => {
  it('has its answers in the order of its requests, whoever writes them', async () => {
    let count = 0;
    const server = await listening((_, response) => {
      count += 1;
      const made = answer(`{"n":${count}} END`);
      if (count === 1) setTimeout(() => response.answer(made), 20);
      else if (count % 2 === 0) answerByNode(response, made);
      else response.answer(made);
    });
    const text = await answerTo(server, ASKED.repeat(6), 'END', 6);
    expect([...text.matchAll(/"n":(\d)/g)].map(([, n]) => n)).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  it('is told as Node tells it of an answer that was written, and of one whose client has gone', async () => {
    const told: string[] = [];
    const server = await listening((request, response) => {
      for (const event of ['finish', 'close']) response.on(event, () => told.push(`${request.url} ${event}`));
      if (request.url !== '/gone') return response.answer(answer());
      request.socket.destroy();
      response.answer(answer());
    });
    await answerTo(server, ASKED);
    await vi.waitFor(() => expect(told).toEqual(['/ finish', '/ close']));
    const socket = open(server);
    socket.write(ASKED.replace(' / ', ' /gone '));
    await once(socket, 'close');
    await vi.waitFor(() => expect(told.slice(2)).toEqual(['/gone close']));
  });

  it('is not written to when it was closed between an answer and its writing', async () => {
    const gone = new Promise<Outgoing>((resolve) => {
      void listening((request, response) => {
        response.answer(answer());
        request.socket.destroy();
        resolve(response);
      }).then((server) =>
        open(server)
          .on('error', () => {})
          .write(ASKED),
      );
    });
    const response = await gone;
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect([response.finished, response.destroyed]).toEqual([false, true]);
  });

  it('makes way for nobody where an answer could not be written', async () => {
    const told: string[] = [];
    const server = await listening((request, response) => {
      for (const event of ['finish', 'close']) response.on(event, () => told.push(event));
      request.socket.write = ((_text: string, _encoding: string, done: (error: Error) => void) => {
        done(new Error('EPIPE'));
        request.socket.destroy();
      }) as Socket['write'];
      response.answer(answer());
    });
    await answerTo(server, ASKED);
    await vi.waitFor(() => expect(told).toEqual(['close']));
  });

  it('says that the answer has ended once it is written, and no earlier', async () => {
    let response: Outgoing | undefined;
    const states: boolean[] = [];
    const server = await listening((_, given) => {
      response = given;
      response.answer(answer());
      states.push(response.writableEnded);
    });
    await answerTo(server, ASKED);
    states.push(response?.writableEnded ?? false);
    expect([states, response?.statusCode]).toEqual([[false, true], 200]);
  });

  it('is kept for the next request, and closed when none comes', async () => {
    const server = await listening((_, response) => response.answer(answer()), 150);
    const socket = open(server);
    const closed = once(socket, 'close');
    for (let time = 0; time < 3; time++) {
      socket.write(ASKED);
      await once(socket, 'data');
    }
    socket.resume();
    await closed;
  });
});

describe('answers of one turn', () => {
  async function asked(times: number): Promise<Outgoing[]> {
    const responses: Outgoing[] = [];
    const server = await listening((_, response) => void responses.push(response));
    const sockets = Array.from({ length: times }, () => open(server));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (const socket of sockets) socket.on('error', () => {}).write(ASKED);
    await vi.waitFor(() => expect(responses).toHaveLength(times));
    return responses;
  }

  const written = (responses: Outgoing[]) => responses.map(({ writableEnded }) => writableEnded);

  it('are written together, no more than 32 of them', async () => {
    const responses = await asked(34);
    // However slow the machine is just then.
    vi.spyOn(performance, 'now').mockReturnValue(0);
    onTestFinished(() => void vi.restoreAllMocks());
    for (const response of responses) response.answer(answer());
    expect(written(responses)).toEqual([...Array(32).fill(true), false, false]);
    await new Promise(setImmediate);
    expect(written(responses)).toEqual(Array(34).fill(true));
  });

  it('wait for none that comes late', async () => {
    const responses = await asked(3);
    const now = vi.spyOn(performance, 'now').mockReturnValue(10);
    onTestFinished(() => void vi.restoreAllMocks());
    responses[0]?.answer(answer());
    now.mockReturnValue(10.9);
    responses[1]?.answer(answer());
    expect(written(responses)).toEqual([false, false, false]);
    now.mockReturnValue(11.1);
    responses[2]?.answer(answer());
    expect(written(responses)).toEqual([true, true, true]);
  });
});

it('writes all of each answer to a client that reads late', async () => {
  const size = 8_000_000;
  const server = await listening((_, response) => response.answer(answer(`${'x'.repeat(size)} END`)));
  const socket = open(server);
  socket.write(ASKED.repeat(3));
  await new Promise((resolve) => setTimeout(resolve, 100));
  let received = 0;
  let ends = 0;
  for await (const part of socket) {
    received += (part as Buffer).length;
    if (String(part).includes('END')) ends += 1;
    if (ends === 3) break;
  }
  expect(received).toBeGreaterThan(3 * size);
});

import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { Incoming } from '../../src/http/incoming.ts';

type Handle = (request: Incoming, response: ServerResponse) => void;

async function listen(handle: Handle): Promise<number> {
  const server = createServer({ IncomingMessage: Incoming }, (request, response) =>
    handle(request as Incoming, response),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const lengthOf = ({ headers }: Incoming) => Number(headers['content-length']);
const asked = (body: string, length = body.length) =>
  `POST / HTTP/1.1\r\nHost: tessera.test\r\nContent-Length: ${length}\r\n\r\n${body}`;

/** What comes back until it holds so many answers. */
async function answers(socket: Socket, count: number): Promise<string[]> {
  let received = '';
  for await (const part of socket) {
    received += part;
    const bodies = received.split('HTTP/1.1 200').slice(1);
    if (bodies.length === count && bodies.at(-1)?.includes('\r\n\r\n')) {
      return bodies.map((answer) => answer.split('\r\n\r\n')[1] ?? '');
    }
  }
  throw new Error(`closed after ${received}`);
}

const echo: Handle = (request, response) =>
  request.takeBody(lengthOf(request), (body) => response.end(`took ${body?.toString()}`));

it('takes the body of one request after another on a connection, also when they come together', async () => {
  const socket = connect(await listen(echo), '127.0.0.1');
  socket.write(asked('one') + asked('three') + asked('seven'));
  expect(await answers(socket, 3)).toEqual(['took one', 'took three', 'took seven']);
});

it('takes a body that comes byte by byte', async () => {
  const socket = connect(await listen(echo), '127.0.0.1').setNoDelay(true);
  for (const byte of asked('in many parts')) {
    socket.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await answers(socket, 1)).toEqual(['took in many parts']);
});

it.each(['at once', 'in parts'])('gives a body back to whoever reads the stream, come %s', async (how) => {
  const port = await listen((request, response) =>
    request.takeBody(lengthOf(request), async (body) => {
      request.giveBack(body);
      response.end(`read ${await text(request)}`);
    }),
  );
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  const [first, rest] = [asked('looked at').slice(0, -4), asked('looked at').slice(-4)];
  if (how === 'at once') socket.write(first + rest);
  else {
    socket.write(first);
    setTimeout(() => socket.write(rest), 20);
  }
  expect(await answers(socket, 1)).toEqual(['read looked at']);
});

it('says, once, that the client has gone before the body was there', async () => {
  const given: (string | undefined)[] = [];
  const gone = new Promise<void>((resolve) => {
    listen((request) => {
      request.takeBody(lengthOf(request), (body) => given.push(body?.toString()));
      request.on('close', () => setImmediate(resolve));
    }).then((port) => {
      const socket = connect(port, '127.0.0.1');
      socket.write(asked('half', 8), () => setTimeout(() => socket.destroy(), 20));
    });
  });
  await gone;
  expect(given).toEqual([undefined]);
});

it('leaves the stream as it is where nobody takes the body', async () => {
  const port = await listen(async (request, response) => response.end(`read ${await text(request)}`));
  const socket = connect(port, '127.0.0.1');
  socket.write(asked('untouched') + asked('again'));
  expect(await answers(socket, 2)).toEqual(['read untouched', 'read again']);
});

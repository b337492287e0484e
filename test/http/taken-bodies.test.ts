import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listen } from '../../src/http/server.ts';
import { openWorld } from '../world.ts';

// By the whole server and a bare socket: what the short way takes off the connection, and what it leaves to Yoga.
const world = await openWorld();
const endpoint = world.endpointWith({});
const limits = {
  ...{ headersMs: 2_000, requestMs: 2_000, keepAliveMs: 5_000, stalledMs: 5_000, headerBytes: 16_384 },
  ...{ connections: 100, connectionsPerAddress: null },
};
const server = await listen({ host: '127.0.0.1', port: 0, drainMs: 1_000, limits });
server.serve(endpoint, async () => true);
afterAll(() => server.close());

const KNOWN = '{ __typename known: __typename }';
let key = '';

/** A request as it goes over the line. */
function asked(query: string, headers: string[] = [], length?: number): string {
  const body = JSON.stringify({ query });
  return [
    'POST /graphql HTTP/1.1',
    'Host: tessera.test',
    'Content-Type: application/json',
    `Authorization: Token ${key}`,
    `Content-Length: ${length ?? Buffer.byteLength(body)}`,
    ...headers,
    '',
    body,
  ].join('\r\n');
}

function open(): Socket {
  return connect(Number(new URL(server.url).port), '127.0.0.1').setNoDelay(true);
}

/** Until the connection is closed, or it holds this often what an answer ends with. */
async function read(socket: Socket, end = '}', times = 1): Promise<string> {
  let received = '';
  for await (const part of socket) {
    received += part;
    if (received.split(end).length > times && /}$/.test(received)) break;
  }
  socket.destroy();
  return received;
}

beforeAll(async () => {
  ({ key } = await world.makeUser());
  await endpoint.prepare();
  // Run by Yoga twice, and known from then on.
  for (let time = 0; time < 3; time++) {
    const socket = open();
    socket.write(asked(KNOWN));
    await read(socket, '"known":"Query"}}');
  }
});

it('answers what is known past Yoga, after it was told to go on', async () => {
  const before = endpoint.answeredWithoutYoga();
  const socket = open();
  const [head = '', body = ''] = asked(KNOWN, ['Expect: 100-continue']).split('\r\n\r\n');
  socket.write(`${head}\r\n\r\n`);
  const goOn = new Promise<string>((resolve) => socket.once('data', (part) => resolve(String(part))));
  expect(await goOn).toMatch(/^HTTP\/1\.1 100 /);
  socket.write(body);
  expect(await read(socket, '"known":"Query"}}')).toMatch(/^HTTP\/1\.1 200 /);
  expect(endpoint.answeredWithoutYoga()).toBe(before + 1);
});

it('answers in the order in which it was asked, whichever way each goes', async () => {
  const before = endpoint.answeredWithoutYoga();
  const socket = open();
  const fresh = (name: string) => `{ __typename ${name}: __typename }`;
  socket.write(asked(KNOWN) + asked(fresh('first')) + asked(KNOWN) + asked(fresh('second')) + asked(KNOWN));
  const text = await read(socket, '"Query"}}', 5);
  expect([...text.matchAll(/"(known|first|second)"/g)].map(([, name]) => name)).toEqual([
    'known',
    'first',
    'known',
    'second',
    'known',
  ]);
  expect(endpoint.answeredWithoutYoga()).toBe(before + 3);
});

it('answers nothing more on a connection that was to be closed', async () => {
  const socket = open();
  socket.write(asked(KNOWN, ['Connection: close']) + asked(KNOWN));
  let received = '';
  for await (const part of socket) received += part;
  expect(received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  expect(received).toMatch(/connection: close/i);
});

it.each([
  ['by Yoga, which has not seen it', '{ __typename inParts: __typename }', 0],
  ['past it', KNOWN, 1],
])('answers a body that comes in parts: %s', async (_how, query, past) => {
  const before = endpoint.answeredWithoutYoga();
  const socket = open();
  const text = asked(query);
  const at = text.indexOf('\r\n\r\n') + 4;
  socket.write(text.slice(0, at));
  for (let from = at; from < text.length; from += 7) {
    await sleep(2);
    socket.write(text.slice(from, from + 7));
  }
  expect(await read(socket, '"Query"}}')).toMatch(/^HTTP\/1\.1 200 /);
  expect(endpoint.answeredWithoutYoga()).toBe(before + past);
});

it('tells a client that is too slow with its body so, and forgets one that has gone', async () => {
  const slow = open();
  slow.write(asked(KNOWN).slice(0, -5));
  const gone = open();
  gone.write(asked(KNOWN).slice(0, -5));
  await expect.poll(() => server.requestsInFlight()).toBe(2);
  gone.destroy();
  await expect.poll(() => server.requestsInFlight()).toBe(1);
  let received = '';
  for await (const part of slow) received += part;
  expect(received).toMatch(/^HTTP\/1\.1 408 /);
  await expect.poll(() => server.requestsInFlight()).toBe(0);
});

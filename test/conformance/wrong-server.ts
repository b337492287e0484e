import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { Header } from '../../src/conformance/case.ts';
import { post, type Reply } from '../../src/conformance/exchange.ts';

interface Asked {
  headers: Header[];
  body: { query: string; variables?: Record<string, string> };
}

/** What a server with a fault answers; `forward` asks the right one. */
export type Fault = (asked: Asked, forward: (asked: Asked) => Promise<Reply>) => Promise<Reply>;

/** The url of a server that would answer as the one behind it does, if it had not this fault. */
export function startWrongServer(behind: string, fault: Fault): Promise<string> {
  const endpoint = { url: new URL(behind), timeoutMs: 10_000 };
  const forward = ({ headers, body }: Asked) => {
    const accept = headers.find(([name]) => name.toLowerCase() === 'accept')?.[1] ?? '*/*';
    return post(endpoint, body, { accept, headers: headers.filter(([name]) => isCredential(name)) });
  };
  return listen(async (request, response) => {
    const { rawHeaders } = request;
    const headers = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? ''] as const] : []));
    const reply = await fault({ headers, body: (await json(request)) as Asked['body'] }, forward);
    const { 'transfer-encoding': _, 'content-length': __, connection: ___, ...kept } = reply.headers;
    response.writeHead(reply.status, kept).end(JSON.stringify(reply.body));
  });
}

/** The url of a server of the test's own, closed at its end. */
export async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
}

function isCredential(name: string): boolean {
  return ['authorization', 'token', 'cookie', 'origin', 'sec-fetch-site', 'x-tessera-csrf'].includes(
    name.toLowerCase(),
  );
}

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Collected {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  traceState: string | undefined;
  name: string;
  kind: number;
  startNanos: bigint;
  endNanos: bigint;
  attributes: Record<string, unknown>;
  status: { code?: number; message?: string };
}

interface Payload {
  path: string | undefined;
  headers: Record<string, unknown>;
  body: Buffer;
}

/** A collector of OpenTelemetry over HTTP, which answers this status, or never (null), until the test ends. */
export async function startCollector(first: number | null = 200) {
  let status = first;
  const payloads: Payload[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      payloads.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts) });
      if (status !== null) response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  async function close(): Promise<void> {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  onTestFinished(close);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    payloads,
    answer(next: number) {
      status = next;
    },
    close,
    /** What was sent as JSON, oldest first. */
    spans: () => payloads.flatMap(({ body }) => spansOf(JSON.parse(body.toString()))).sort(byStart),
    /** What was said of the server. */
    resource: () => read(JSON.parse(String(payloads[0]?.body)).resourceSpans[0].resource.attributes),
  };
}

function byStart(one: Collected, other: Collected): number {
  return Number(one.startNanos - other.startNanos) || Number(other.endNanos - one.endNanos);
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

interface Sent {
  resourceSpans: { scopeSpans: { spans: (Omit<Collected, 'attributes'> & Record<string, never>)[] }[] }[];
}

function spansOf({ resourceSpans }: Sent): Collected[] {
  return resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ startTimeUnixNano, endTimeUnixNano, attributes, ...span }) => ({
        ...span,
        startNanos: BigInt(startTimeUnixNano ?? 0),
        endNanos: BigInt(endTimeUnixNano ?? 0),
        attributes: read(attributes ?? []),
      })),
    ),
  );
}

function read(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

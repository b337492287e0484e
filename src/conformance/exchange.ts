import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Header } from './case.ts';

const MOST_BYTES = 1_000_000;

/** Where requests go, and how long each may take. */
export interface Endpoint {
  url: URL;
  timeoutMs: number;
}

/** How a request is sent, whatever it says. */
export interface Manner {
  headers?: readonly Header[];
  accept?: string;
}

export interface Question extends Manner {
  document: string;
  variables?: Readonly<Record<string, unknown>>;
}

export interface Reply {
  status: number;
  /** By name in lower case; several of one name are joined by a comma. */
  headers: Readonly<Record<string, string>>;
  /** Undefined: what came is no JSON. */
  body: unknown;
}

/** The server has not answered; says why, in words that follow "but". */
export class NoAnswer extends Error {
  override name = 'NoAnswer';
}

/** What the server answers to this GraphQL request. Throws NoAnswer, within the time given at the latest. */
export function exchange(endpoint: Endpoint, { document, variables, ...manner }: Question): Promise<Reply> {
  return post(endpoint, { query: document, variables }, manner);
}

/**
 * What the server answers to this JSON. Headers are sent as they are, byte for byte, and as often as they are named,
 * which fetch would not do. Throws NoAnswer, within the time given at the latest.
 */
export async function post({ url, timeoutMs }: Endpoint, value: unknown, manner: Manner): Promise<Reply> {
  const { headers = [], accept = 'application/json' } = manner;
  // Bytes, not a string: Node would write headers that go out together with a string as UTF-8.
  const body = Buffer.from(JSON.stringify(value));
  const signal = AbortSignal.timeout(timeoutMs);
  const ask = url.protocol === 'https:' ? requestHttps : requestHttp;
  const sent = [
    ['Host', url.host],
    ['Accept', accept],
    ['Content-Type', 'application/json'],
    ['Content-Length', String(body.length)],
    ['Connection', 'close'],
    ...headers,
  ].flat();
  try {
    return await new Promise<Reply>((resolve, reject) => {
      const request = ask(url, { method: 'POST', agent: false, signal, headers: sent }, (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > MOST_BYTES) request.destroy(new NoAnswer('the reply does not end within a megabyte'));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0, headersDistinct } = response;
          resolve({ status: statusCode, headers: joined(headersDistinct), body: parse(Buffer.concat(chunks)) });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    throw new NoAnswer(signal.aborted ? `there is no reply within ${timeoutMs / 1000} s` : reasonOf(error));
  }
}

function joined(headers: NodeJS.Dict<string[]>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, values = []]) => [name, values.join(', ')]));
}

// No answer of GraphQL nests so deep; what does would overflow whoever walks through it.
const MOST_NESTED = 100;

function parse(bytes: Buffer): unknown {
  try {
    const body: unknown = JSON.parse(bytes.toString('utf8'));
    return isDeeperThan(body, MOST_NESTED) ? undefined : body;
  } catch {
    return undefined;
  }
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeperThan(each, levels - 1));
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'no host of that name is known',
    EAI_AGAIN: 'no host of that name is known just now',
    EPROTO: 'it does not speak TLS',
    ECONNRESET: 'the connection was closed before a reply came',
  };
  // A name with several addresses fails with an AggregateError, whose message is empty.
  return reasons[code ?? ''] ?? (message.trim() || `it cannot be reached (${code})`);
}

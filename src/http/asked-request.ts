import type { IncomingHttpHeaders } from 'node:http';
import { GRAPHQL_PATH } from './graphql-path.ts';

/** As much of a Request as the plugins read. */
export class AskedRequest {
  readonly method = 'POST';
  readonly url = `http://localhost${GRAPHQL_PATH}`;
  readonly headers: Pick<Headers, 'get' | 'has'>;

  constructor(headers: IncomingHttpHeaders) {
    this.headers = new AskedHeaders(headers);
  }
}

class AskedHeaders {
  readonly #headers: IncomingHttpHeaders;

  constructor(headers: IncomingHttpHeaders) {
    this.#headers = headers;
  }

  get(name: string): string | null {
    const value = this.#headers[name] ?? this.#headers[name.toLowerCase()];
    return value === undefined ? null : String(value);
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }
}

import type { IncomingHttpHeaders } from 'node:http';
import { GRAPHQL_PATH } from './graphql-path.ts';
import { lowerCase } from './lower-case.ts';

const URL_ASKED = `http://localhost${GRAPHQL_PATH}`;

/** As much of a Request as the plugins read. */
export class AskedRequest {
  readonly method = 'POST';
  readonly url = URL_ASKED;
  readonly headers: AskedHeaders;

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
    const value = this.#headers[lowerCase(name)];
    if (value === undefined) return null;
    return typeof value === 'string' ? value : String(value);
  }

  has(name: string): boolean {
    return this.#headers[lowerCase(name)] !== undefined;
  }
}

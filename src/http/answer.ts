import { ERROR_CODES, type RequestRefused } from '../errors.ts';
import { lowerCase } from './lower-case.ts';

interface AnswerInit {
  status: number;
  headers: Readonly<Record<string, string>>;
}

const WHOLE: Record<string, AnswerInit> = {};

/**
 * A refusal of the whole operation, as toGraphQLError, useHttpStatus and Yoga would tell it between them. Each of those
 * makes an error of it, and an error looks for where it was made.
 */
export function refusalAnswer({ code, headers, result }: RequestRefused, mediaType: string): Answer {
  const { status, isSpec = false }: { status: number; isSpec?: boolean } = ERROR_CODES[code];
  return new Answer(result, {
    status: isSpec && mediaType === 'application/json' ? 200 : status,
    headers: { 'content-type': `${mediaType}; charset=utf-8`, ...headers },
  });
}

export function wholeAnswer(mediaType: string): AnswerInit {
  WHOLE[mediaType] ??= { status: 200, headers: { 'content-type': `${mediaType}; charset=utf-8` } };
  return WHOLE[mediaType];
}

/** As much of a Response as the plugins read and change. */
export class Answer {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: AnswerHeaders;
  readonly body: string;
  /** Where each character is a byte, it is written as such, which is less work. */
  readonly encoding: 'latin1' | 'utf8';

  constructor(body: string, { status, headers }: AnswerInit) {
    const length = Buffer.byteLength(body);
    this.status = status;
    this.ok = status >= 200 && status < 300;
    this.body = body;
    this.encoding = length === body.length ? 'latin1' : 'utf8';
    this.headers = new AnswerHeaders(headers, length);
  }
}

class AnswerHeaders {
  /** Names, in lower case, and values in turn, as node:http takes them. */
  readonly list: string[];

  constructor(headers: AnswerInit['headers'], length: number) {
    this.list = ['content-length', String(length)];
    for (const name of Object.keys(headers)) this.set(name, headers[name] as string);
  }

  get(name: string): string | null {
    const at = this.#placeOf(lowerCase(name));
    return at < 0 ? null : (this.list[at + 1] ?? null);
  }

  set(name: string, value: string): void {
    const lower = lowerCase(name);
    const at = this.#placeOf(lower);
    if (at < 0) this.list.push(lower, value);
    else this.list[at + 1] = value;
  }

  append(name: string, value: string): void {
    const lower = lowerCase(name);
    // Of cookies each is a header of its own.
    const at = lower === 'set-cookie' ? -1 : this.#placeOf(lower);
    if (at < 0) this.list.push(lower, value);
    else this.list[at + 1] = `${this.list[at + 1]}, ${value}`;
  }

  #placeOf(lower: string): number {
    const { list } = this;
    for (let at = 0; at < list.length; at += 2) if (list[at] === lower) return at;
    return -1;
  }
}

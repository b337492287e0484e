import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { Answer } from './answer.ts';

/** An answer that sets one of these is Node's to write: it sets them itself, or does otherwise because of them. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'date',
  'expect',
  'keep-alive',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** As RFC 9110 has names and Node checks values. */
const NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const NOT_IN_VALUES = /[^\t\x20-\x7e\x80-\xff]/;

const MOST_LINES = 100;
const LONGEST_LINE = 500;
/** So many answers wait for one another at most, and none longer than this for another that is quickly made. */
const MOST_TOGETHER = 32;
const LONGEST_MS = 1;
/** Node's own. */
const USUAL_KEEP_ALIVE_MS = 5_000;

/** What a header was last, as it is written, by its name. */
const lines = new Map<string, { value: string; line: string }>();
let waiting: Outgoing[] = [];
let waitingSince = 0;

/**
 * A response that writes a whole answer as one text, where Node puts it together anew, header by header, and hands it on
 * in parts; and together with those of the same turn of the event loop, for what an answer costs most is to wake up
 * whoever waits for it. The bytes are Node's. It leans on this of Node's: a response that emits `finish` makes way for
 * the next on its connection, and `finished` says that it has ended. Node takes an answer that waits for one that has
 * not begun, and one that was written as well: `headersSent` stays false. Whatever is not as usual is left to Node.
 */
export class Outgoing<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  #text = '';

  /** How long its server keeps an idle connection, which answers tell. */
  get keepAliveMs(): number {
    return USUAL_KEEP_ALIVE_MS;
  }

  /** Answers, once, with a body. Throws where one of the headers can be none. */
  answer({ status, headers: { list }, body, encoding }: Answer): void {
    const head = encoding === 'latin1' && hasBody(status) && this.#isUsual() ? headOf(list) : null;
    if (head === null) {
      this.writeHead(status, list);
      this.end(body, encoding);
      return;
    }
    this.statusCode = status;
    this.#text = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}${closingLines(this.keepAliveMs)}${body}`;
    const now = performance.now();
    if (waiting.push(this) === 1) {
      waitingSince = now;
      setImmediate(writeWaiting);
    } else if (waiting.length === MOST_TOGETHER || now - waitingSince > LONGEST_MS) writeWaiting();
  }

  /** Nothing but what `answer` is given has a part in the answer, and it is the connection's turn. */
  #isUsual(): boolean {
    const { req, socket } = this;
    return (
      // Null: another answer is still under way on the connection.
      socket !== null &&
      this.shouldKeepAlive &&
      !this.headersSent &&
      this.getHeaderNames().length === 0 &&
      req.method === 'POST'
    );
  }

  writeText(): void {
    const { socket } = this;
    const text = this.#text;
    this.#text = '';
    // Its client has gone meanwhile, of which Node tells.
    if (!socket?.writable) return;
    this.finished = true;
    socket.write(text, 'latin1', (error) => {
      if (!error) this.emit('finish');
    });
  }
}

/** What to tell `createServer` of, where an idle connection is kept for so long. */
export function outgoingOf(keepAliveMs: number): typeof Outgoing {
  return class<Request extends IncomingMessage> extends Outgoing<Request> {
    override get keepAliveMs(): number {
      return keepAliveMs;
    }
  };
}

/** Whether such an answer has one, and is one of those that have a name. */
function hasBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304 && STATUS_CODES[status] !== undefined;
}

/** Writes what waits for the end of the turn: whoever is to end a connection has it written before. */
export function writeWaiting(): void {
  const responses = waiting;
  waiting = [];
  for (const response of responses) response.writeText();
}

/** These names and values, in turn, as they are written; null: for Node to write, or to refuse. */
function headOf(list: readonly string[]): string | null {
  let head = '';
  for (let at = 0; at < list.length; at += 2) {
    const line = lineOf(list[at] as string, list[at + 1] as string);
    if (line === null) return null;
    head += line;
  }
  return head;
}

/** Most headers are what they were in the answer before. */
function lineOf(name: string, value: string): string | null {
  const last = lines.get(name);
  if (last?.value === value) return last.line;
  if (NOT_IN_VALUES.test(value) || (!last && (!NAME.test(name) || OF_CONNECTION.has(name)))) return null;
  const line = `${name}: ${value}\r\n`;
  // A session is not to be found in memory when its answer has gone.
  if (line.length > LONGEST_LINE || name === 'set-cookie') return line;
  if (last) {
    last.value = value;
    last.line = line;
  } else if (lines.size < MOST_LINES) {
    lines.set(name, { value, line });
  }
  return line;
}

let closing = { second: 0, keepAliveMs: 0, lines: '' };

function closingLines(keepAliveMs: number): string {
  const second = Math.floor(Date.now() / 1000);
  if (closing.second !== second || closing.keepAliveMs !== keepAliveMs) {
    const keepAlive = keepAliveMs > 0 ? `Keep-Alive: timeout=${Math.floor(keepAliveMs / 1000)}\r\n` : '';
    const date = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
    closing = { second, keepAliveMs, lines: `${date}Connection: keep-alive\r\n${keepAlive}\r\n` };
  }
  return closing.lines;
}

import type { Duplex } from 'node:stream';

/** What a client sent broke the protocol: answered with an ErrorResponse of this SQLSTATE, then the line is cut. */
export class ProtocolViolation extends Error {
  readonly sqlState: string;
  constructor(message: string, sqlState = '08P01') {
    super(message);
    this.sqlState = sqlState;
  }
}

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const MAX_STARTUP_BYTES = 10_000;
// PostgreSQL ends the session over a longer one of these, and PGlite has no second session.
const MAX_SHORT_MESSAGE_BYTES = 10_000;
const LONG_TYPES = 'QPBdf';
const SHORT_TYPES = 'EDCSHcX';

/** A client's messages, whole and one at a time; nothing is read from the stream before it is asked for. */
export class MessageReader {
  #source: AsyncIterator<Buffer>;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(stream: Duplex) {
    this.#source = stream[Symbol.asyncIterator]();
  }

  /** The next startup packet without its length, or null when the client has left. */
  async nextStartup(): Promise<Buffer | null> {
    const header = await this.#take(4);
    if (!header) return null;
    const length = header.readInt32BE(0);
    if (length < 8 || length > MAX_STARTUP_BYTES) throw new ProtocolViolation('invalid length of startup packet');
    return this.#take(length - 4);
  }

  /** The next message, type byte and length included, or null when the client has left. */
  async next(): Promise<Buffer | null> {
    const header = await this.#take(5);
    if (!header) return null;
    const type = String.fromCharCode(header.readUInt8(0));
    const length = header.readInt32BE(1);
    const isLong = LONG_TYPES.includes(type);
    if (!isLong && !SHORT_TYPES.includes(type))
      throw new ProtocolViolation(`message type ${JSON.stringify(type)} is not supported`);
    if (length < 4) throw new ProtocolViolation(`invalid message length ${length}`);
    const limit = isLong ? MAX_MESSAGE_BYTES : MAX_SHORT_MESSAGE_BYTES;
    if (length > limit)
      throw new ProtocolViolation(`a message must be at most ${limit} bytes (got ${length})`, '54000');
    const body = await this.#take(length - 4);
    return body && Buffer.concat([header, body]);
  }

  async #take(size: number): Promise<Buffer | null> {
    while (this.#length < size) {
      // A stream that was destroyed throws here: its client is gone, which is all that matters.
      const { done, value } = await this.#source.next().catch(() => ({ done: true, value: undefined }));
      if (done || !value) return null;
      this.#chunks.push(value);
      this.#length += value.length;
    }
    const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    if (!all) return Buffer.alloc(0);
    this.#chunks = all.length > size ? [all.subarray(size)] : [];
    this.#length = all.length - size;
    return all.subarray(0, size);
  }
}

/** A message of this type byte and body. */
export function message(type: string, ...body: (Buffer | string)[]): Buffer {
  const bytes = Buffer.concat(body.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([header, bytes]);
}

export function queryMessage(sql: string): Buffer {
  return message('Q', `${sql}\0`);
}

export function fatalMessage(text: string, sqlState: string): Buffer {
  return message('E', `SFATAL\0VFATAL\0C${sqlState}\0M${text}\0\0`);
}

/** The messages that a backend's answer consists of. */
export function* splitMessages(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    yield bytes.subarray(at, end);
    at = end;
  }
}

/**
 * This Parse, Bind, Describe or Close with its prepared statement's name replaced by what `rename` makes of it.
 * Messages that name no statement come back as they are.
 */
export function renameStatement(frame: Buffer, rename: (name: string) => string): Buffer {
  const type = String.fromCharCode(frame.readUInt8(0));
  let start = 5;
  if (type === 'B') start = endOfString(frame, 5) + 1;
  else if (type === 'D' || type === 'C') {
    if (frame[5] !== 'S'.charCodeAt(0)) return frame;
    start = 6;
  } else if (type !== 'P') return frame;
  const end = endOfString(frame, start);
  const name = frame.toString('utf8', start, end);
  const renamed = rename(name);
  return renamed === name ? frame : message(type, frame.subarray(5, start), renamed, frame.subarray(end));
}

function endOfString(frame: Buffer, start: number): number {
  const end = frame.indexOf(0, start);
  if (end < 0) throw new ProtocolViolation('invalid string in message');
  return end;
}

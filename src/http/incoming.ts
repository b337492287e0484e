import { IncomingMessage } from 'node:http';

/** The whole body, or null where the client has gone before it was there. */
type TakeBody = (body: Buffer | null) => void;

/**
 * A request whose body can be had as it is read, past the stream, whose listeners, ticks and ends cost more than all
 * that is done with a short one; and be put onto the stream after it was looked at.
 */
export class Incoming extends IncomingMessage {
  #isTaken = false;
  #length = 0;
  #take: TakeBody | null = null;
  /** As much of the body as has come, where it comes in parts. */
  #body: Buffer | null = null;
  #filled = 0;

  /** Calls back, once, with the body, which has this many bytes and is nowhere else then unless it is given back. */
  takeBody(length: number, take: TakeBody): void {
    this.#isTaken = true;
    this.#length = length;
    this.#take = take;
  }

  /** Puts a body that was taken where it would have been, for whoever reads the stream. */
  giveBack(body: Buffer | null): void {
    this.#isTaken = false;
    if (body) super.push(body);
  }

  /** Told by Node of each part of the body that has come, and of its end by null. */
  override push(part: Buffer | null, encoding?: BufferEncoding): boolean {
    if (!this.#isTaken) return super.push(part, encoding);
    if (part === null || this.#take === null) return true;
    if (part.length === this.#length) {
      this.#hand(part);
      return true;
    }
    // Taken up only when there is something to be written there: whoever announces much has sent nothing yet.
    this.#body ??= Buffer.allocUnsafe(this.#length);
    this.#filled += part.copy(this.#body, this.#filled);
    if (this.#filled === this.#length) this.#hand(this.#body);
    return true;
  }

  #hand(body: Buffer | null): void {
    const take = this.#take;
    this.#take = null;
    this.#body = null;
    take?.(body);
  }

  /** Node reads to its end whatever nobody has read; of what was taken there is nothing to read. */
  override resume(): this {
    return this.#isTaken ? this : super.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    super._destroy(error, callback);
    if (this.#take) process.nextTick(() => this.#hand(null));
  }
}

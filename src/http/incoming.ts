import { IncomingMessage } from 'node:http';

/** The whole body, or null where the client has gone before it was there. */
type TakeBody = (body: Buffer | null) => void;

/**
 * A request whose body can be had as it is read, past the stream, whose listeners, ticks and ends cost more than all
 * that is done with a short one; and be put onto the stream after it was looked at. The stream of one that was taken
 * tells nothing more, its end included.
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
    this.#add(part);
    if (this.#filled === this.#length) this.#hand(this.#body);
    return true;
  }

  /** As much room is taken up as twice what has come: whoever announces much has sent nothing yet. */
  #add(part: Buffer): void {
    const filled = this.#filled + part.length;
    if (!this.#body || this.#body.length < filled) {
      const grown = Buffer.allocUnsafe(Math.min(this.#length, 2 * filled));
      this.#body?.copy(grown, 0, 0, this.#filled);
      this.#body = grown;
    }
    part.copy(this.#body, this.#filled);
    this.#filled = filled;
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

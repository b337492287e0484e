import { Duplex } from 'node:stream';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';

/** A pool of one connection to an empty PGlite in memory, which is started by the first use and ends with the pool. */
export class PGlitePool extends pg.Pool {
  #database;

  constructor() {
    super({ max: 1, user: 'postgres', database: 'postgres', stream: () => new PGliteStream(() => this.#open()) });
  }

  #open() {
    this.#database ??= PGlite.create();
    return this.#database;
  }

  async end() {
    await super.end();
    await (await this.#database)?.close();
  }
}

/** The wire between one pg client and PGlite. The client corks what belongs together, so every write is whole messages. */
class PGliteStream extends Duplex {
  #open;

  constructor(open) {
    super();
    this.#open = open;
  }

  connect() {
    process.nextTick(() => this.emit('connect'));
  }

  setNoDelay() {}
  setKeepAlive() {}
  ref() {}
  unref() {}
  _read() {}

  _writev(chunks, done) {
    const messages = Buffer.concat(chunks.map(({ chunk }) => chunk));
    this.#exchange(messages).then(() => done(), done);
  }

  async #exchange(messages) {
    const database = await this.#open();
    this.push(Buffer.from(await database.execProtocolRaw(messages)));
  }

  _final(done) {
    this.push(null);
    done();
  }
}

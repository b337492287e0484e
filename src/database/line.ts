import pg from 'pg';
import { CHANNEL } from './changes.ts';

const CONNECT_MS = 5_000;

// Without waiting for the disk: a proof is worth nothing after a crash.
const NOTIFY = `SELECT set_config('synchronous_commit', 'off', true), pg_notify('${CHANNEL}', $1)`;
// Or the server would take the ear, which never asks anything, for idle.
const LISTEN = `SET idle_session_timeout = 0; LISTEN ${CHANNEL}`;

/** Two connections to one database: by one notices come in, by the other they are sent. */
export interface Line {
  send(payload: string): Promise<unknown>;
  /** Resolves when either connection is gone, with the reason. */
  over: Promise<string>;
  giveUp(reason: string): void;
}

interface LineOptions {
  url: string;
  hear(payload: string): void;
  /** Gives the line up, also while it is being connected. */
  closing: AbortSignal;
}

/** Throws when the database cannot be connected to or does not let itself be listened to. */
export async function openLine({ url, hear, closing }: LineOptions): Promise<Line> {
  const ear = clientOf(url);
  const speaker = clientOf(url);
  let end: (reason: string) => void = () => {};
  const over = new Promise<string>((resolve) => {
    end = resolve;
  });
  function giveUp(reason: string): void {
    end(reason);
    for (const client of [ear, speaker]) destroy(client);
  }
  let sending: Promise<unknown> = Promise.resolve();
  // One after the other: a client of pg is to be asked one thing at a time.
  function send(payload: string): Promise<unknown> {
    sending = sending.then(() => speaker.query(NOTIFY, [payload]));
    return sending;
  }
  const close = () => giveUp('closed');
  for (const client of [ear, speaker]) {
    client.on('error', (error) => giveUp(reasonOf(error))).on('end', () => giveUp('the connection was lost'));
  }
  closing.addEventListener('abort', close, { once: true });
  void over.then(() => closing.removeEventListener('abort', close));
  ear.on('notification', ({ channel, payload = '' }) => {
    if (channel === CHANNEL) hear(payload);
  });
  try {
    await Promise.all([ear.connect(), speaker.connect()]);
    await ear.query(LISTEN);
    closing.throwIfAborted();
    return { send, over, giveUp };
  } catch (error) {
    giveUp(reasonOf(error));
    throw error;
  }
}

/** Sends one notice over a connection of its own. */
export async function sendOnce(url: string, payload: string, closing: AbortSignal): Promise<void> {
  const client = clientOf(url);
  const giveUp = () => destroy(client);
  client.on('error', giveUp);
  closing.addEventListener('abort', giveUp, { once: true });
  try {
    await client.connect();
    await client.query(NOTIFY, [payload]);
  } finally {
    closing.removeEventListener('abort', giveUp);
    giveUp();
  }
}

/** What an error says; Node's own for a host of several addresses have a code and no message. */
export function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  return message || String(code);
}

function clientOf(url: string): pg.Client {
  return new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
    application_name: 'tessera changes',
    keepAlive: true,
  });
}

// Not end(): a connection that is stuck would never have said good-bye.
function destroy(client: pg.Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

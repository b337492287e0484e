import '../young-garbage.ts';
import cluster from 'node:cluster';
import type { Config, Secrets } from '../config.ts';
import type { Figure } from '../http/summed-figures.ts';
import type { RunningServer } from '../serve.ts';
import { createCalls } from './calls.ts';

/** What a worker is to serve. */
export interface Task {
  config: Config;
  secrets: Secrets;
  /** Where other workers listen already; null: nobody does. */
  portOfFellows: number | null;
}

/** What it says of itself when it serves. */
export type Serving = Pick<RunningServer, 'url' | 'hasSuperuser'>;

let server: RunningServer | null = null;
let readFigures: () => Promise<Figure[]> = async () => [];
let stop = () => {};
const stopping = new Promise<void>((resolve) => {
  stop = resolve;
});

const loading = Promise.all([import('../log.ts'), import('../serve.ts')]);

const primary = createCalls((message) => process.connected && process.send?.(message, () => {}), {
  async serve({ config, secrets, portOfFellows }: Task): Promise<Serving> {
    const [{ openLog }, { serve }] = await loading;
    const figuresOfAll = (read: typeof readFigures) => {
      readFigures = read;
      return () => primary.ask<string>('figures');
    };
    const fellows = { port: portOfFellows, figuresOfAll };
    const starting = serve(config, secrets, await openLog(config), undefined, fellows);
    // Not before: it is stopped when it has begun.
    starting.then(
      (started) => stopping.then(() => finish(started)),
      () => {},
    );
    server = await starting;
    return { url: server.url, hasSuperuser: server.hasSuperuser };
  },
  figures: () => readFigures(),
  stop: () => stop(),
});

async function finish(started: RunningServer): Promise<void> {
  await started.close();
  process.exit(0);
}

// Before anything large is loaded: nobody should be ended meanwhile. A terminal, and systemd, signal the primary as
// well, which says the same: it is no second signal.
process.on('SIGTERM', stop).on('SIGINT', stop);
// The primary has gone. Node would end the process at once, with all that is in flight.
cluster.worker?.on('disconnect', () => {
  if (!server) process.exit(1);
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
  primary.end(new Error('The primary has gone.'));
  stop();
});
process.on('message', primary.hear);
await loading;
primary.ask('loaded').catch(() => {});

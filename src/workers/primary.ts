import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { Config, Secrets } from '../config.ts';
import { OperatorError } from '../errors.ts';
import { METRICS_PATH } from '../http/scrape.ts';
import type { HttpServer } from '../http/server.ts';
import { inTime } from '../in-time.ts';
import { areShown, listenForMetrics, showMetrics } from '../metrics.ts';
import { PACKAGE_ROOT } from '../package-root.ts';
import type { RunningServer } from '../serve.ts';
import { type Calls, createCalls } from './calls.ts';
import { type FiguresOfWorkers, sumFiguresOf } from './figures.ts';
import { failuresAfter, restartPauseMs } from './restart-pause.ts';
import { shareOf } from './shares.ts';
import type { Serving, Task } from './worker.ts';

/** Longer than a worker takes, whose every wait has an end. */
const STOP_MS = 30_000;
/** Compiled or not, as this file is. */
const WORKER = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? 'src/workers/worker.ts' : 'dist/workers/worker.js', PACKAGE_ROOT),
);

/** How a process has ended. */
interface End {
  code: number | null;
  signal: string | null;
}

/** A process that serves, or is about to. */
export interface OneWorker {
  readonly id: number;
  readonly pid: number;
  ask: Calls['ask'];
  readonly ended: Promise<End>;
  kill(): void;
}

/** As `serve`, by as many processes as are configured, behind one port; another takes the place of one that dies. */
export async function serveByWorkers(config: Config, secrets: Secrets, log: Logger): Promise<RunningServer> {
  if (cluster.isWorker) {
    throw new OperatorError(
      'WORKERS must be 1 where another program has processes share the port, as pm2 does in cluster mode. ' +
        'Leave WORKERS out, or start Tessera by itself.',
    );
  }
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ exec: WORKER, args: [], serialization: 'advanced' });
  const workers = new Set<OneWorker>();
  // Whichever way the process ends: nothing is left behind.
  process.on('exit', () => {
    for (const { kill } of workers) kill();
  });
  const figures = areShown(config, secrets.metricsToken) ? await sumFiguresOf(workers) : null;
  const metricsServer = await listenForMetrics(config);
  const pool = createPool({ config, secrets, log, workers, figures });
  try {
    const { url, hasSuperuser } = await pool.start();
    if (metricsServer && figures) showMetrics(metricsServer, { metrics: figures, token: secrets.metricsToken });
    return {
      url,
      metricsUrl: metricsServer && metricsServer.url + METRICS_PATH,
      hasSuperuser,
      failure: pool.failure,
      close: () => closeAll(pool, metricsServer),
    };
  } catch (error) {
    await closeAll(pool, metricsServer).catch(() => {});
    throw error;
  }
}

async function closeAll(pool: Pool, metricsServer: HttpServer | null): Promise<void> {
  await pool.close().finally(() => metricsServer?.close());
}

interface PoolParts {
  config: Config;
  secrets: Secrets;
  log: Logger;
  /** Who is there: this keeps it. */
  workers: Set<OneWorker>;
  figures: FiguresOfWorkers | null;
}

type Pool = ReturnType<typeof createPool>;

function createPool({ config, secrets, log, workers, figures }: PoolParts) {
  const shared = shareOf(config);
  const serving = new Set<OneWorker>();
  const stopping = new AbortController();
  let isStopping = false;
  /** What is to be listened at, and what is. They differ while the port that was taken is any free one. */
  let { port } = config;
  let taken: number | null = null;
  let fail: (error: Error) => void = () => {};
  const failure = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failure.catch(() => {});

  /** Another process, about to serve. */
  function fork(): OneWorker {
    const worker = cluster.fork();
    let isLoaded = () => {};
    const loaded = new Promise<void>((resolve) => {
      isLoaded = resolve;
    });
    const calls = createCalls((message) => worker.isConnected() && worker.send(message, () => {}), {
      loaded: () => isLoaded(),
      figures: () => figures?.text(),
    });
    worker.on('message', calls.hear);
    const ended = endOf(worker);
    const one: OneWorker = {
      id: worker.id,
      pid: worker.process.pid ?? 0,
      // What is sent to a module that is still being loaded is lost.
      ask: (name, about) => Promise.race([loaded, ended]).then(() => calls.ask(name, about)),
      ended,
      kill: () => void worker.process.kill('SIGKILL'),
    };
    workers.add(one);
    ended.then(({ code, signal }) => {
      workers.delete(one);
      serving.delete(one);
      figures?.end(one.id);
      calls.end(new Error(`A worker has ended before it served (${signal ?? `exit code ${code}`}).`));
    });
    return one;
  }

  /** A worker that serves. Rejects as `serve` there does; the process is gone then. */
  async function begin(): Promise<{ worker: OneWorker; said: Serving }> {
    // Of a port that was any free one, nothing is left when nobody listens: it is asked for by its number.
    if (serving.size === 0 && taken !== null) port = taken;
    const portOfFellows = serving.size === 0 ? null : taken;
    const worker = fork();
    try {
      const task: Task = { config: { ...shared, port }, secrets, portOfFellows };
      const said = await worker.ask<Serving>('serve', task);
      serving.add(worker);
      return { worker, said };
    } catch (error) {
      worker.kill();
      await worker.ended;
      throw error;
    }
  }

  /** Sees to it that the worker's place is taken again, and again. */
  async function keep(worker: OneWorker): Promise<void> {
    let failures = 0;
    for (let one: OneWorker | null = worker; one; ) {
      const from = performance.now();
      const { code, signal } = await one.ended;
      if (isStopping) return;
      failures = failuresAfter(failures, performance.now() - from);
      log.error({ worker: one.pid, code, signal }, 'a worker has ended; another takes its place');
      one = await replace();
    }

    async function replace(): Promise<OneWorker | null> {
      for (;;) {
        await sleep(restartPauseMs(failures), undefined, { signal: stopping.signal }).catch(() => {});
        if (isStopping) return null;
        try {
          return (await begin()).worker;
        } catch (error) {
          if (isStopping) return null;
          // Nobody serves, and nobody can: as where one process cannot start.
          if (serving.size === 0) {
            fail(error as Error);
            return null;
          }
          failures += 1;
          log.error({ reason: (error as Error).message }, 'no worker can take the free place; it is tried again');
        }
      }
    }
  }

  return {
    failure,
    /** Resolves when all serve. Rejects when one cannot. */
    async start(): Promise<Serving> {
      // One alone: what is done once is done by it, and what is amiss is said once.
      const first = await begin();
      taken = Number(new URL(first.said.url).port);
      const rest = await Promise.all(Array.from({ length: config.workers - 1 }, begin));
      for (const { worker } of [first, ...rest]) void keep(worker);
      return first.said;
    },
    /** Resolves when all have finished what is in flight. Rejects when one has not finished well. */
    async close(): Promise<void> {
      isStopping = true;
      stopping.abort();
      const all = [...workers];
      for (const { ask } of all) ask('stop').catch(() => {});
      const ends = Promise.all(all.map(({ ended }) => ended));
      if (!(await inTime(ends, STOP_MS))) {
        for (const { kill } of workers) kill();
        throw new OperatorError(`A worker did not stop within ${STOP_MS / 1000} seconds, and was ended.`);
      }
      const bad = (await ends).find(({ code }) => code !== 0);
      if (bad) throw new OperatorError(`A worker has not stopped well (${bad.signal ?? `exit code ${bad.code}`}).`);
    },
  };
}

function endOf(worker: Worker): Promise<End> {
  return new Promise((resolve) => {
    worker.once('exit', (code, signal) => resolve({ code, signal }));
    // Where no process could be made, nothing but this is said. Else it is still there.
    worker.on('error', () => {
      if (worker.process.pid === undefined) resolve({ code: null, signal: 'no process' });
    });
  });
}

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ViewerCacheFigures } from '../accounts/viewer-cache.ts';
import type { PasswordFigures } from '../auth/queued-passwords.ts';
import type { PoolFigures } from '../database/open.ts';
import { durationHistogram } from './duration-histogram.ts';
import type { Figure } from './summed-figures.ts';

/** What is counted elsewhere, and read when somebody asks. */
export interface Figures {
  passwords(): PasswordFigures;
  viewers(): ViewerCacheFigures;
  pool(): PoolFigures;
  openStreams(): number;
  areChangesHeard(): boolean;
  requestsInFlight(): number;
}

/** A request that has been answered. Each label has few values, and none that a caller chooses. */
interface Answered {
  endpoint: string;
  outcome: string;
  status: number;
  seconds: number;
}

export interface Metrics {
  note(answered: Answered): void;
  /** All figures as Prometheus reads them. */
  text(): Promise<string>;
  /** All figures, to be summed with those of other processes. */
  read(): Promise<Figure[]>;
  readonly contentType: string;
}

/** From a key that is remembered to a password at a high cost that waited its turn. */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The figures of one server. Source: Prometheus, "Metric and label naming". */
export function createMetrics(figures: Figures, version: string): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  /** By endpoint, outcome and first digit of the status. */
  const answered = new Map<string, Map<string, number[]>>();
  new Counter({
    name: 'tessera_requests_total',
    help: 'Requests that were answered.',
    labelNames: ['endpoint', 'outcome', 'status'],
    registers,
    collect() {
      this.reset();
      for (const [endpoint, outcomes] of answered) {
        for (const [outcome, counts] of outcomes) {
          counts.forEach((count, digit) => {
            this.inc({ endpoint, outcome, status: `${digit}xx` }, count);
          });
        }
      }
    },
  });
  const durations = durationHistogram(registry, {
    name: 'tessera_request_duration_seconds',
    help: 'From the first byte read to the answer made; for a stream, to its beginning.',
    label: 'endpoint',
    bounds: BUCKETS_SECONDS,
  });
  const throttled = new Counter({
    name: 'tessera_throttled_total',
    help: 'Requests that were refused because their sender asks too often.',
    registers,
  });

  /** A figure of this moment; of several processes the sum, unless it is said otherwise. */
  function gauge(name: string, help: string, read: () => number, aggregator: 'sum' | 'min' = 'sum'): void {
    new Gauge({
      name,
      help,
      registers,
      aggregator,
      collect() {
        this.set(read());
      },
    });
  }

  /** A figure that only grows, kept elsewhere. By label, or, without one, alone. */
  function counter(name: string, help: string, read: () => number | Record<string, number>): void {
    new Counter({
      name,
      help,
      labelNames: ['result'],
      registers,
      collect() {
        this.reset();
        const value = read();
        if (typeof value === 'number') this.inc(value);
        else for (const [result, count] of Object.entries(value)) this.inc({ result }, count);
      },
    });
  }

  gauge('tessera_requests_in_flight', 'Requests whose answer is not finished, open streams included.', () =>
    figures.requestsInFlight(),
  );
  counter('tessera_logins_total', 'Usernames with passwords, sent to be let in; by Basic, with each request.', () => {
    const { good, bad } = figures.passwords();
    return { ok: good, refused: bad };
  });
  gauge('tessera_passwords_active', 'Passwords that are being checked or hashed.', () => figures.passwords().active);
  gauge('tessera_passwords_waiting', 'Passwords that wait for their turn.', () => figures.passwords().waiting);
  counter(
    'tessera_passwords_refused_total',
    'Passwords turned away because too many waited.',
    () => figures.passwords().refused,
  );
  counter('tessera_viewer_lookups_total', 'Keys whose owner was asked for: remembered (hit), or not (miss).', () => {
    const { hits, misses } = figures.viewers();
    return { hit: hits, miss: misses };
  });
  gauge('tessera_viewer_cache_entries', 'Keys whose owner is remembered.', () => figures.viewers().size);
  gauge('tessera_database_connections', 'Connections of the pool.', () => figures.pool().total);
  gauge('tessera_database_connections_idle', 'Connections of the pool that nobody uses.', () => figures.pool().idle);
  gauge('tessera_database_requests_waiting', 'What waits for a connection.', () => figures.pool().waiting);
  gauge('tessera_streams_open', 'Subscriptions and answers in parts that are open.', () => figures.openStreams());
  gauge(
    'tessera_changes_heard',
    '1 while changes of the database are heard, else 0: then nothing is remembered.',
    () => Number(figures.areChangesHeard()),
    'min',
  );
  gauge('tessera_workers', 'Processes that serve, and have answered for their figures.', () => 1);
  new Gauge({
    name: 'tessera_build_info',
    help: 'Always 1; which version runs, and on which Node.',
    labelNames: ['version', 'node'],
    aggregator: 'first',
    registers,
  }).set({ version, node: process.version }, 1);

  return {
    note({ endpoint, outcome, status: code, seconds }) {
      const outcomes = answered.get(endpoint) ?? begun(answered, endpoint, new Map<string, number[]>());
      const counts = outcomes.get(outcome) ?? begun(outcomes, outcome, []);
      const digit = Math.floor(code / 100);
      counts[digit] = (counts[digit] ?? 0) + 1;
      durations.observe(endpoint, seconds);
      if (outcome === 'THROTTLED') throttled.inc();
    },
    text: () => registry.metrics(),
    read: () => registry.getMetricsAsJSON(),
    contentType: registry.contentType,
  };
}

function begun<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): Value {
  map.set(key, value);
  return value;
}

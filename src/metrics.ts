import type { RequestListener } from 'node:http';
import type { Config, Secrets } from './config.ts';
import type { OpenDatabase } from './database/open.ts';
import type { Figures, Metrics } from './http/metrics.ts';
import { METRICS_PATH, type ScrapeOptions, scrape } from './http/scrape.ts';
import { type HttpServer, listen } from './http/server.ts';
import { versionOf } from './version.ts';

/** What the endpoint itself knows. */
type EndpointFigures = Omit<Figures, 'pool' | 'requestsInFlight'>;

/** What an endpoint counts by, once it is there to be asked. */
export type MetricsOf = (figures: EndpointFigures) => Metrics;

/** Takes how this process's figures are read, and gives how those of all that serve with it are. */
export type FiguresOfAll = (read: Metrics['read']) => Metrics['text'];

interface MetricsParts extends Pick<OpenDatabase, 'poolFigures'> {
  server: HttpServer;
  /** Where figures have a port of their own. */
  metricsServer: HttpServer | null;
  /** Null: it serves alone. */
  figuresOfAll: FiguresOfAll | null;
}

/** The port that figures have for themselves, or null. Throws OperatorError when it cannot be had. */
export async function listenForMetrics({ metrics: { host, port } }: Config): Promise<HttpServer | null> {
  if (port === null) return null;
  return listen({ host, port, drainMs: 0, names: { host: 'METRICS_HOST', port: 'METRICS_PORT' } });
}

/** How figures are made and shown, or null where they are shown nowhere. What makes them is loaded only then. */
export async function prepareMetrics(
  config: Config,
  { metricsToken: token }: Secrets,
  { server, metricsServer, figuresOfAll, poolFigures }: MetricsParts,
): Promise<MetricsOf | null> {
  if (!areShown(config, token)) return null;
  const { createMetrics } = await import('./http/metrics.ts');
  return (figures) => {
    const all = { ...figures, pool: poolFigures, requestsInFlight: server.requestsInFlight };
    const own = createMetrics(all, versionOf());
    const metrics = figuresOfAll ? { ...own, text: figuresOfAll(own.read) } : own;
    if (metricsServer) showMetrics(metricsServer, { metrics, token });
    return metrics;
  };
}

/** Whether there are figures at all. */
export function areShown({ metrics }: Config, token: string | null): boolean {
  return metrics.port !== null || token !== null;
}

/** From now on the figures are to be had at this port of their own. */
export function showMetrics(metricsServer: HttpServer, options: ScrapeOptions): void {
  metricsServer.serve(listenerOf(options), async () => true);
}

function listenerOf(options: ScrapeOptions): RequestListener {
  return async ({ url, method, headers: { authorization } }, response) => {
    if (url?.split('?', 1)[0] !== METRICS_PATH) return void response.writeHead(404).end();
    const { status, headers, body } = await scrape({ method, authorization }, options);
    response.writeHead(status, headers).end(body);
  };
}

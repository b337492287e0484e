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

interface MetricsParts extends Pick<OpenDatabase, 'poolFigures'> {
  server: HttpServer;
  /** Where figures have a port of their own. */
  metricsServer: HttpServer | null;
}

/** The port that figures have for themselves, or null. Throws OperatorError when it cannot be had. */
export async function listenForMetrics({ metrics: { host, port } }: Config): Promise<HttpServer | null> {
  if (port === null) return null;
  return listen({ host, port, drainMs: 0, names: { host: 'METRICS_HOST', port: 'METRICS_PORT' } });
}

/** How figures are made and shown, or null where they are shown nowhere. What makes them is loaded only then. */
export async function prepareMetrics(
  { metricsToken: token }: Secrets,
  { server, metricsServer, poolFigures }: MetricsParts,
): Promise<MetricsOf | null> {
  if (metricsServer === null && token === null) return null;
  const { createMetrics } = await import('./http/metrics.ts');
  return (figures) => {
    const all = { ...figures, pool: poolFigures, requestsInFlight: server.requestsInFlight };
    const metrics = createMetrics(all, versionOf());
    metricsServer?.serve(listenerOf({ metrics, token }), async () => true);
    return metrics;
  };
}

function listenerOf(options: ScrapeOptions): RequestListener {
  return async ({ url, method, headers: { authorization } }, response) => {
    if (url?.split('?', 1)[0] !== METRICS_PATH) return void response.writeHead(404).end();
    const { status, headers, body } = await scrape({ method, authorization }, options);
    response.writeHead(status, headers).end(body);
  };
}

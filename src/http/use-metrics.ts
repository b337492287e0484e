import type { Plugin } from 'graphql-yoga';
import type { Metrics } from './metrics.ts';
import { METRICS_PATH, type ScrapeOptions, scrape } from './scrape.ts';
import { endpointOf, outcomeOf, type RequestEntries } from './use-request-log.ts';

/** Counts what is answered. To be hooked in after the log, which has taken the time. */
export function useMetrics(metrics: Metrics, entries: RequestEntries): Plugin {
  return {
    onResponse({ request, response }) {
      const entry = entries.get(request);
      if (!entry) return;
      metrics.note({
        endpoint: endpointOf(entry, response),
        outcome: outcomeOf(entry, response),
        status: response.status,
        seconds: entry.seconds,
      });
    },
  };
}

/** `/metrics` beside GraphQL. */
export function useMetricsPath(options: ScrapeOptions, entries: RequestEntries): Plugin {
  return {
    onRequest({ request, url, fetchAPI, endResponse }) {
      if (!request.url.includes(METRICS_PATH) || url.pathname !== METRICS_PATH) return;
      const entry = entries.get(request);
      if (entry) entry.operation = METRICS_PATH;
      const authorization = request.headers.get('authorization');
      return scrape({ method: request.method, authorization }, options).then(({ status, headers, body }) =>
        endResponse(new fetchAPI.Response(body, { status, headers })),
      );
    },
  };
}

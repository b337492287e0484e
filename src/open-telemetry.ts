import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { TracingRules } from './config/tracing.ts';
import type { Tracing } from './http/use-tracing.ts';
import { inTime } from './in-time.ts';
import { redact } from './redact.ts';

/** How long is waited for a collector at shutdown. */
const LAST_WORDS_MS = 3_000;

/** Other methods are callers' inventions. Source: OpenTelemetry, "Semantic conventions for HTTP spans". */
const METHODS = ['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE'];

/** Where the work at hand belongs. */
interface Place {
  /** The span of the request. */
  root: Span;
  /** What a further step is beneath. */
  parent: Context;
  /** One clock a request: no step begins before what it is part of. */
  now(): number;
}

interface TracingParts {
  headers: Readonly<Record<string, string>>;
  version: string;
  log: Logger;
}

/** Traces that are sent to a collector in batches. The library's globals are left to whoever else uses it. */
export async function createTracing(rules: TracingRules, { headers, version, log }: TracingParts): Promise<Tracing> {
  const collector = watched(await exporterOf(rules, headers), log);
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.version': version,
        'service.instance.id': randomUUID(),
        ...rules.attributes,
      }),
    ),
    sampler: samplerOf(rules),
    // At most 2,048 spans wait; what is more is dropped.
    spanProcessors: [new BatchSpanProcessor({ exporter: collector, scheduledDelayMillis: rules.delayMs })],
  });
  const tracer = provider.getTracer('tessera', version);
  const propagator = new W3CTraceContextPropagator();
  const places = new AsyncLocalStorage<Place>();

  /** Null where the work is nobody's, or that of a request that has been answered, or is not traced. */
  function findPlace(): Place | null {
    const place = places.getStore();
    return place?.root.isRecording() ? place : null;
  }

  return {
    begin({ method, path, scheme, headers }) {
      const now = startClock();
      const from = propagator.extract(ROOT_CONTEXT, headers, HEADERS);
      const known = METHODS.includes(method);
      const attributes = {
        'http.request.method': known ? method : '_OTHER',
        'http.route': path,
        'url.path': path,
        'url.scheme': scheme,
      };
      const options = { kind: SpanKind.SERVER, startTime: now(), attributes };
      const root = tracer.startSpan(`${known ? method : 'HTTP'} ${path}`, options, from);
      const place = { root, parent: trace.setSpan(from, root), now };
      return {
        traceId: root.spanContext().traceId,
        run: (work) => (root.isRecording() ? places.run(place, work) : work()),
        noteOperation: (type) => root.setAttribute('graphql.operation.type', type),
        end(answer) {
          if (answer) {
            const { status, outcome, requestId, operation } = answer;
            root.setAttributes({
              'http.response.status_code': status,
              'tessera.outcome': outcome,
              'tessera.request.id': redact(requestId),
              ...(operation !== null && { 'graphql.operation.name': redact(operation) }),
            });
            if (status >= 500) {
              root.setAttribute('error.type', String(status));
              root.setStatus({ code: SpanStatusCode.ERROR });
            }
          }
          root.end(now());
        },
      };
    },
    within(step, work) {
      const place = findPlace();
      if (!place) return work();
      const span = tracer.startSpan(step, { startTime: place.now() }, place.parent);
      const inner = { ...place, parent: trace.setSpan(place.parent, span) };
      return places.run(inner, () => thenEnd(work, () => span.end(place.now())));
    },
    noteStatement(sql, durationMs) {
      const place = findPlace();
      if (!place) return;
      const endTime = place.now();
      const { operation, table } = statementOf(sql);
      const attributes = {
        'db.system.name': 'postgresql',
        'db.operation.name': operation,
        ...(table && { 'db.collection.name': table }),
      };
      const name = table ? `${operation} ${table}` : operation;
      const options = { kind: SpanKind.CLIENT, startTime: endTime - durationMs, attributes };
      tracer.startSpan(name, options, place.parent).end(endTime);
    },
    async close() {
      // What could not be sent has been told.
      const closed = provider.shutdown().catch(() => {});
      if (!(await inTime(closed, LAST_WORDS_MS))) collector.tellAway('it does not answer');
    },
  };
}

async function exporterOf({ protocol, url, timeoutMs }: TracingRules, headers: TracingParts['headers']) {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? (await import('@opentelemetry/exporter-trace-otlp-http')).default
      : (await import('@opentelemetry/exporter-trace-otlp-proto')).default;
  return new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: timeoutMs });
}

function samplerOf({ sampler, ratio }: TracingRules): Sampler {
  const root = sampler.endsWith('always_on')
    ? new AlwaysOnSampler()
    : sampler.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(ratio);
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

/** The exporter, of which the log tells when it begins to fail, and when that is over. */
function watched(exporter: SpanExporter, log: Logger): SpanExporter & { tellAway(reason: string): void } {
  let isAway = false;

  function tellAway(reason: string): void {
    if (!isAway) log.warn({ reason }, 'the collector does not take traces: those of the meantime are lost');
    isAway = true;
  }

  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.code === ExportResultCode.FAILED) tellAway(reasonOf(result.error));
        else if (isAway) {
          isAway = false;
          log.info('the collector takes traces again');
        }
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    tellAway,
  };
}

/** Node's own errors for a host of several addresses have a code and no message. */
function reasonOf(error: (Error & { code?: unknown }) | undefined): string {
  return error?.message || String(error?.code ?? 'unknown');
}

const HEADERS = {
  keys: () => [],
  get: (headers: Pick<Headers, 'get'>, name: string) => headers.get(name) ?? undefined,
};

function startClock(): () => number {
  const at = Date.now();
  const from = performance.now();
  return () => at + performance.now() - from;
}

/** The work's result, `end` having been called when it is there, or has failed. */
function thenEnd<Result>(work: () => Result, end: () => void): Result {
  let result: Result;
  try {
    result = work();
  } catch (error) {
    end();
    throw error;
  }
  if (result instanceof Promise) result.then(end, end);
  else end();
  return result;
}

/** What a statement does, and to which table first; none of its values. */
function statementOf(sql: string): { operation: string; table: string | undefined } {
  const [, operation = 'SQL'] = /^\s*([A-Za-z]{1,20})\b/.exec(sql) ?? [];
  const [, table] = /\b(?:FROM|INTO|UPDATE)\s+(?:"public"\.)?"(\w{1,60})"/.exec(sql) ?? [];
  return { operation: operation.toUpperCase(), table };
}

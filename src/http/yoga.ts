import { createYoga, type Plugin } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { ViewerWatch } from '../accounts/viewer-watch.ts';
import { credentialsMissing } from '../auth/authenticate.ts';
import type { Scheme } from '../auth/scheme.ts';
import type { SigningKeys } from '../auth/signing-keys.ts';
import type { Changes } from '../database/changes.ts';
import type { Browser, Context, ServerContext } from '../graphql/context.ts';
import { schema } from '../graphql/schema.ts';
import type { TrustedDocuments } from '../graphql/trusted-documents.ts';
import { createAddressOf } from './address.ts';
import { type AnsweredBrowser, type BrowserOptions, browserOf } from './browser.ts';
import type { CorsRules } from './cors.ts';
import { documentCaches } from './document-caches.ts';
import { graphiql, renderGraphiQL } from './graphiql.ts';
import { GRAPHQL_PATH } from './graphql-path.ts';
import { knownQueries } from './known-queries.ts';
import { maskError } from './mask-error.ts';
import type { Metrics } from './metrics.ts';
import { perRequest } from './per-request.ts';
import { createRateLimits, type RateLimitRules } from './rate-limits.ts';
import { createSenderOf } from './sender.ts';
import { createShortWay } from './short-way.ts';
import { useAcceptedStream } from './use-accepted-stream.ts';
import { useAuthentication } from './use-authentication.ts';
import { useCallerHeaders } from './use-caller-headers.ts';
import { useClosedIntrospection } from './use-closed-introspection.ts';
import { useCors } from './use-cors.ts';
import { useDocumentLimits } from './use-document-limits.ts';
import { useHttpStatus } from './use-http-status.ts';
import { useIncrementalDelivery } from './use-incremental-delivery.ts';
import { useJwks } from './use-jwks.ts';
import { useLiveViewer } from './use-live-viewer.ts';
import { useMetrics, useMetricsPath } from './use-metrics.ts';
import { useOAuthIntrospect } from './use-oauth-introspect.ts';
import { useOAuthRevoke } from './use-oauth-revoke.ts';
import { useRateLimits, useStrangerLimits } from './use-rate-limits.ts';
import { type RequestEntries, useRequestLog } from './use-request-log.ts';
import { useSecurityHeaders } from './use-security-headers.ts';
import { useSessionCookie } from './use-session-cookie.ts';
import { useSettledChanges } from './use-settled-changes.ts';
import { type Tracing, useTracing } from './use-tracing.ts';
import { useTrustedDocuments } from './use-trusted-documents.ts';
import { useWellFormedRequest } from './use-well-formed-request.ts';

interface YogaOptions {
  context: Omit<ServerContext, 'credentialsMissing'>;
  schemes: readonly Scheme[];
  /** Null: this server has no sessions. */
  sessions: BrowserOptions | null;
  /** Addresses and networks whose `X-Forwarded-For` is believed. */
  trustedProxies: readonly string[];
  rateLimits: RateLimitRules;
  /** Null: access tokens are not used here. */
  signingKeys: SigningKeys | null;
  cors: CorsRules;
  changes: Changes;
  /** What watches over open streams, and by which schemes. */
  streams: { watch: ViewerWatch; schemes: readonly Scheme[]; close(): Promise<void> };
  /** Null: nothing is counted. `token`: what `/metrics` asks for; null: it is not served here. */
  counting: { metrics: Metrics; token: string | null } | null;
  /** Null: nothing is traced. */
  tracing: Tracing | null;
  /** Null: any document is run. */
  trustedDocuments: TrustedDocuments | null;
  hasGraphiQL: boolean;
  /** Whether anybody may ask what the schema holds. */
  hasIntrospection: boolean;
  mostBodyBytes: number;
  /** Whether clients find the server by https. */
  isTls: boolean;
  log: Logger;
}

/** The GraphQL endpoint as a node:http listener, and as a fetch handler; `dispose` ends its streams. */
export function createGraphQLServer({
  context,
  schemes,
  sessions,
  trustedProxies,
  rateLimits,
  signingKeys,
  cors,
  changes,
  streams,
  counting,
  tracing,
  trustedDocuments,
  hasGraphiQL,
  hasIntrospection,
  mostBodyBytes,
  isTls,
  log,
}: YogaOptions) {
  const serverContext = { ...context, credentialsMissing: () => credentialsMissing(schemes) };
  const entries: RequestEntries = perRequest();
  const browsers = perRequest<AnsweredBrowser>();

  function browserFor(request: Request): Browser | null {
    const browser = sessions && browserOf(request, sessions, context.tokenSecrets);
    if (browser) browsers.set(request, browser);
    return browser;
  }

  const addressOf = createAddressOf(trustedProxies, (address) =>
    log.warn({ address }, 'X-Forwarded-For of a proxy that TRUSTED_PROXIES does not name: its clients count as one'),
  );
  const limits = createRateLimits(rateLimits, { addressOf, now: () => context.now().getTime() });
  const senderOf = createSenderOf(addressOf, entries);
  const oauth = { schemes, entries, senderOf, limits, log };
  const known = knownQueries(log);

  const ofYoga = new Set<Plugin | Plugin<Context>>();
  /** Marks what has no part in a query that is answered whole: streams, mutations, other paths. */
  function yogaAlone<Marked extends Plugin | Plugin<Context>>(plugin: Marked): Marked {
    ofYoga.add(plugin);
    return plugin;
  }

  const plugins: (Plugin | Plugin<Context>)[] = [
    useStrangerLimits(limits),
    useWellFormedRequest(),
    // The short way looks the document up as it reads what is asked.
    ...(trustedDocuments ? [yogaAlone(useTrustedDocuments(trustedDocuments))] : []),
    useDocumentLimits(context.queryLimits),
    ...(hasIntrospection ? [] : [useClosedIntrospection()]),
    yogaAlone(useAcceptedStream()),
    useHttpStatus(),
    // After the statuses, whose codes it tells, and before whoever may stop the operation.
    useRequestLog(log, entries),
    ...(tracing ? [useTracing(tracing, entries, { isTls })] : []),
    useCors(cors),
    ...(counting ? [useMetrics(counting.metrics, entries)] : []),
    yogaAlone(useIncrementalDelivery()),
    yogaAlone(useLiveViewer(streams)),
    useAuthentication(schemes, tracing?.within),
    // Who is calling is known by now; whoever sends no credential was counted before.
    useRateLimits(limits, entries),
    yogaAlone(useSettledChanges(changes)),
    yogaAlone(useOAuthIntrospect(serverContext, oauth)),
    yogaAlone(useOAuthRevoke(serverContext, changes, oauth)),
    ...(signingKeys ? [yogaAlone(useJwks(signingKeys, context.now, entries))] : []),
    ...(counting?.token ? [yogaAlone(useMetricsPath({ ...counting, token: counting.token }, entries))] : []),
    useSessionCookie(browsers),
    useCallerHeaders(),
    useSecurityHeaders({ isTls }),
    yogaAlone(known.learning),
    { onDispose: () => streams.close() },
  ];
  const yoga = createYoga({
    schema,
    context: ({ request, ...server }) => ({
      ...serverContext,
      viewer: null,
      sender: () => senderOf(request, server),
      browser: browserFor(request),
      admitted: new Set<string>(),
      failure: null,
    }),
    graphqlEndpoint: GRAPHQL_PATH,
    graphiql: hasGraphiQL && graphiql,
    renderGraphiQL,
    landingPage: false,
    // Yoga's own allows every origin whatever headers it asks for: useCors.
    cors: false,
    batching: false,
    // No field takes a file: nothing should parse one.
    multipart: false,
    maxRequestBodySize: mostBodyBytes,
    parserAndValidationCache: documentCaches(),
    maskedErrors: { maskError },
    logging: {
      debug: (...parts) => log.trace(parts.map(String).join(' ')),
      info: (...parts) => log.debug(parts.map(String).join(' ')),
      warn: (...parts) => log.warn(parts.map(String).join(' ')),
      // useRequestLog tells what is masked, with the request's id.
      error: () => {},
    },
    plugins,
  });
  const { listener, answered } = createShortWay({
    plugins: plugins.filter((plugin) => !ofYoga.has(plugin)),
    serverContext,
    senderOf,
    browserOf: browserFor,
    noteOutcome(request, code) {
      const entry = entries.get(request);
      if (entry) entry.outcome = code;
    },
    known,
    trustedDocuments,
    mostBodyBytes,
    log,
    yoga,
  });
  return Object.assign(listener, {
    fetch: yoga.fetch,
    dispose: yoga.dispose,
    /** The same, each request by Yoga. */
    yoga,
    answeredWithoutYoga: answered,
    /** Loads what no start has need of, and requests will. */
    prepare: known.prepare,
  });
}

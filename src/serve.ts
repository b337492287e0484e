import type { Logger } from 'pino';
import { startDailyPrune } from './accounts/daily-prune.ts';
import { createLastUsed, type LastUsed, writeBehind } from './accounts/last-used.ts';
import { createLoginThrottle } from './accounts/login-throttle.ts';
import { createPasswordProofs } from './accounts/password-proofs.ts';
import { createRegistrationThrottle } from './accounts/registration-throttle.ts';
import { createSparseEvents, type SparseEvents } from './accounts/sparse-events.ts';
import { createThrottleCounters } from './accounts/throttle-counters.ts';
import { hasSuperuser } from './accounts/users.ts';
import { createViewerCache } from './accounts/viewer-cache.ts';
import { findViewer } from './accounts/viewers.ts';
import { isExpired } from './auth/expiry.ts';
import type { KeyReading } from './auth/key.ts';
import { createPasswords } from './auth/password.ts';
import { queuedPasswords } from './auth/queued-passwords.ts';
import type { SigningKeys } from './auth/signing-keys.ts';
import { type Config, publicUrlOf, type Secrets, tokenRulesOf } from './config.ts';
import { refuseDirectoryInUse } from './database/directory-lock.ts';
import { type OpenDatabase, openDatabase } from './database/open.ts';
import { schema } from './graphql/schema.ts';
import { readTrustedDocuments, type TrustedDocuments } from './graphql/trusted-documents.ts';
import { growingLru } from './growing-lru.ts';
import { type Hooks, hooks as ownHooks } from './hooks.ts';
import { trusting } from './http/address.ts';
import { GRAPHQL_PATH } from './http/graphql-path.ts';
import { METRICS_PATH } from './http/scrape.ts';
import { type HttpServer, prepareServer } from './http/server.ts';
import type { Tracing } from './http/use-tracing.ts';
import { createGraphQLServer } from './http/yoga.ts';
import { inTime } from './in-time.ts';
import { type FiguresOfAll, listenForMetrics, type MetricsOf, prepareMetrics } from './metrics.ts';
import { accessTokensOf, browserOptionsOf, createSchemes } from './schemes.ts';
import { openSigningKeys } from './signing-keys.ts';
import { createStreams } from './streams.ts';
import { prepareTracing, tracedPasswords } from './tracing.ts';

const DRAIN_MS = 10_000;
/** When those have been answered who waited for the start. */
const PREPARE_AFTER_MS = 1_000;

export interface RunningServer {
  /** The GraphQL endpoint, with the port that was really taken. */
  readonly url: string;
  /** Where figures are to be had, on a port of their own; null: nowhere. */
  readonly metricsUrl: string | null;
  /** Whether anybody may administer the server yet. */
  readonly hasSuperuser: boolean;
  /** Rejects when the server can no longer do its work: the embedded database has died under it. */
  readonly failure: Promise<never>;
  /** Finishes what is in flight, and closes the database: 10 seconds each at most. */
  close(): Promise<void>;
}

/** What a process has to do with the others that serve behind the same port. */
export interface Fellows {
  /** Where they listen already; null: nobody does. */
  readonly port: number | null;
  /** Figures are of all, and shown by somebody else. */
  readonly figuresOfAll: FiguresOfAll;
}

/**
 * Listens, opens the database and serves; where fellows listen already, it does so last. Throws OperatorError when the
 * address or the database cannot be had; nothing stays open then.
 */
export async function serve(
  config: Config,
  secrets: Secrets,
  log: Logger,
  hooks = ownHooks,
  fellows: Fellows | null = null,
): Promise<RunningServer> {
  async function prepare(open: OpenDatabase) {
    return [
      await hasSuperuser(open.database),
      await openSigningKeys(config, secrets, { ...open, log, now: () => new Date() }),
    ] as const;
  }

  const { host, port, shutdownGraceSeconds } = config;
  const lingerMs = shutdownGraceSeconds * 1000;
  const trustedDocuments = trustedDocumentsOf(config);
  const listening = {
    ...{ host, port, drainMs: DRAIN_MS, lingerMs, limits: config.http },
    isTrustedProxy: trusting(config.trustedProxies),
  };
  const server = prepareServer(listening);
  const portOfFellows = fellows?.port ?? null;
  if (portOfFellows === null) {
    await server.listen().catch(async (error) => {
      // Started twice, it finds the port taken first; that its own kind has the directory says more.
      if (config.databaseUrl === null) await refuseDirectoryInUse(config.dataDir);
      throw error;
    });
  }
  let metricsServer: HttpServer | null = null;
  let tracing: Tracing | null = null;
  try {
    if (!fellows) metricsServer = await listenForMetrics(config);
    tracing = await prepareTracing(config, secrets, log);
    const onQuery = tracing?.noteStatement;
    let fail: (error: Error) => void = () => {};
    const failure = new Promise<never>((_resolve, reject) => {
      fail = reject;
    });
    // Whoever waits for it hears it; that nobody does is no second error.
    failure.catch(() => {});
    const open = await openDatabase({
      config,
      secrets,
      log,
      asServer: true,
      onQuery,
      onFailure: (error) => fail(error),
    });
    const [isAdministered, signingKeys] = await prepare(open).catch((error) =>
      open.close().then(() => Promise.reject(error)),
    );
    const { tokenLifetimes: lifetimes, throttle, auditRetentionSeconds } = config;
    const behind = { database: open.database, lifetimes, throttle, auditRetentionSeconds, log, now: () => new Date() };
    const lastUsed = createLastUsed(behind);
    const sparseEvents = createSparseEvents(behind);
    // Which port was really taken, the configuration need not say.
    const reachable = { ...config, port: portOfFellows ?? Number(new URL(server.url).port) };
    const figuresOfAll = fellows?.figuresOfAll ?? null;
    const metricsOf = await prepareMetrics(config, secrets, { ...open, server, metricsServer, figuresOfAll });
    const parts = { ...open, signingKeys, trustedDocuments, lastUsed, sparseEvents, metricsOf, tracing };
    const endpoint = createEndpoint(reachable, secrets, parts, log, undefined, hooks);
    server.serve(endpoint, open.isThere);
    // What came here before would be refused, and the fellows would serve it.
    if (portOfFellows !== null) {
      await server.listen().catch(async (error) => {
        await endpoint.dispose();
        signingKeys?.close();
        await open.close();
        throw error;
      });
    }
    const stopWriting = writeBehind(lastUsed);
    const pruning = startDailyPrune(behind);
    // Prisma's engine, some milliseconds' work that the first write would wait for. Where it fails, that is told of it.
    const preparing = setTimeout(() => {
      void endpoint.prepare();
      open.database.$connect().catch(() => {});
    }, PREPARE_AFTER_MS).unref();
    return {
      url: server.url + GRAPHQL_PATH,
      metricsUrl: metricsServer && metricsServer.url + METRICS_PATH,
      hasSuperuser: isAdministered,
      failure,
      async close() {
        clearTimeout(preparing);
        // At once: an open stream would use up the time that requests are given.
        await Promise.all([endpoint.dispose(), server.close()]);
        // Last: whoever looks sees how the server drains.
        await Promise.all([metricsServer?.close(), tracing?.close()]);
        signingKeys?.close();
        const closing = Promise.all([stopWriting(), sparseEvents.settle(), pruning.stop()]).then(() => open.close());
        if (await inTime(closing, DRAIN_MS)) return;
        log.warn('the database does not answer: when tokens were last used is not written');
      },
    };
  } catch (error) {
    await Promise.all([server.close(), metricsServer?.close(), tracing?.close()]);
    throw error;
  }
}

/** Throws OperatorError where one of them would be refused. */
function trustedDocumentsOf({ trustedDocuments: file, queryLimits }: Config): TrustedDocuments | null {
  return file === null ? null : readTrustedDocuments(file, schema, queryLimits);
}

interface EndpointParts extends Pick<OpenDatabase, 'database' | 'tokenSecrets' | 'changes'> {
  /** What access tokens are signed with; left out, or null, nobody comes in by them. */
  signingKeys?: SigningKeys | null;
  /** The only documents that are run; left out, they are read as configured. */
  trustedDocuments?: TrustedDocuments | null;
  /** Told of the keys that come with requests; left out, nobody notes them. */
  lastUsed?: Pick<LastUsed, 'note'>;
  /** Left out, one is made: nobody need wait for what it writes. */
  sparseEvents?: SparseEvents;
  /** Left out, or null, nothing is counted. */
  metricsOf?: MetricsOf | null;
  /** Left out, or null, nothing is traced. */
  tracing?: Tracing | null;
}

/** The GraphQL endpoint over an open database: what `serve` listens with, and tests call directly. */
export function createEndpoint(
  config: Config,
  secrets: Secrets,
  { database, tokenSecrets, changes, lastUsed, ...parts }: EndpointParts,
  log: Logger,
  now: () => Date = () => new Date(),
  hooks: Hooks = {},
) {
  const viewers = createViewerCache({
    lookUp: (tokenId) => findViewer(database, tokenId),
    isExpired: ({ token }) => isExpired(token, config.tokenLifetimes, now()),
    changes,
    size: config.viewerCacheSize,
  });
  const signingKeys = config.authentication.includes('jwt') ? (parts.signingKeys ?? null) : null;
  const bcrypt = createPasswords({ cost: config.bcryptCost, pepper: secrets.passwordPepper });
  const inTurn = queuedPasswords(tracedPasswords(bcrypt, 'bcrypt', parts.tracing), config.passwordQueue);
  const passwords = tracedPasswords(inTurn, 'password', parts.tracing);
  const accessTokens = accessTokensOf(config, signingKeys);
  const counters = createThrottleCounters(database, tokenSecrets, config.throttle);
  const events = parts.sparseEvents ?? createSparseEvents({ database, log, now });
  const throttle = createLoginThrottle(counters, {
    rules: config.throttle,
    noteThrottled: events.loginThrottled,
    noteFailed: events.loginFailed,
  });
  const { prove, proveAgain } = createPasswordProofs(
    { database, passwords, throttle },
    { noteAccepted: events.passwordAccepted, now },
  );
  const streams = createStreams(config, {
    database,
    tokenSecrets,
    accessTokens,
    proveAgain,
    changes,
    log,
    now,
    hooks,
  });
  const metrics = parts.metricsOf?.({
    passwords: passwords.figures,
    viewers: viewers.figures,
    openStreams: streams.watch.count,
    areChangesHeard: changes.areHeard,
  });
  return createGraphQLServer({
    context: {
      database,
      passwords,
      throttle,
      registrations: createRegistrationThrottle(counters, config.throttle.maxRegistrationsPerAddress),
      tokenSecrets,
      accessTokens,
      registration: config.registration,
      authentication: config.authentication,
      tokenRules: tokenRulesOf(config),
      queryLimits: config.queryLimits,
      tokenEvents: streams.tokenEvents,
      log,
      now,
    },
    schemes: createSchemes(config, {
      tokenSecrets,
      accessTokens,
      findViewer: viewers.find,
      prove,
      ...(lastUsed && { noteUse: lastUsed.note }),
      noteRefusal: events.tokenRefused,
      // As many as have their owners kept, by whom they are asked for next.
      ...(config.viewerCacheSize > 0 && {
        provedKeys: growingLru<KeyReading>(config.viewerCacheSize),
      }),
      now,
    }),
    sessions: config.authentication.includes('session') ? browserOptionsOf(config) : null,
    trustedProxies: config.trustedProxies,
    rateLimits: config.rateLimits,
    signingKeys,
    cors: { origins: config.corsOrigins, trustedOrigins: config.trustedOrigins },
    changes,
    streams,
    counting: metrics ? { metrics, token: config.metrics.port === null ? secrets.metricsToken : null } : null,
    tracing: parts.tracing ?? null,
    trustedDocuments: parts.trustedDocuments ?? trustedDocumentsOf(config),
    hasGraphiQL: config.hasGraphiQL,
    hasIntrospection: config.hasIntrospection,
    mostBodyBytes: config.http.bodyBytes,
    isTls: publicUrlOf(config).startsWith('https:'),
    log,
  });
}

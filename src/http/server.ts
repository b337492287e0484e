import cluster from 'node:cluster';
import {
  createServer,
  type IncomingMessage,
  type ServerOptions as NodeServerOptions,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { OperatorError } from '../errors.ts';
import { limitConnections } from './connections.ts';
import { Incoming } from './incoming.ts';
import { Outgoing, outgoingOf } from './outgoing.ts';
import { refuseClient, STATUS_HEADERS, statusBody } from './refuse-client.ts';
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.ts';

/** Where the server stands in its life; only a ready one is sent work. */
type Phase = 'starting' | 'ready' | 'draining';

const HEALTH_PATH = '/health/';
const SWEEP_MS = 50;
const OWN_NAMES: AddressNames = { host: 'HOST', port: 'PORT' };
/** How often Node looks for requests that do not come in time. */
const CHECK_MS = 500;

/** What clients are held to, so that the slow and the hostile keep nobody else from being served. */
export interface HttpLimits {
  /** From the connection, or the last answer on it, until all headers are there. */
  headersMs: number;
  /** Until all of the request is there; not shorter. */
  requestMs: number;
  /** Until the next request begins. */
  keepAliveMs: number;
  /** How long an answer may wait for a client that does not read it. */
  stalledMs: number;
  headerBytes: number;
  connections: number;
  /** Null: as many as there may be at all. */
  connectionsPerAddress: number | null;
}

interface ServerOptions {
  host: string;
  port: number;
  /** Milliseconds that requests in flight are given at shutdown. */
  drainMs: number;
  /** Milliseconds for which connections without a request stay open at shutdown; left out, none. */
  lingerMs?: number;
  /** Left out, Node's own. */
  limits?: HttpLimits;
  /** Whether many clients come by this address, which has as many connections as it likes. */
  isTrustedProxy?(address: string): boolean;
  /** The variables that say where it listens, for what is said when it cannot. */
  names?: AddressNames;
}

/** How many requests of a connection have no finished answer yet. */
const IN_FLIGHT = Symbol('in flight');
type CountedSocket = Socket & { [IN_FLIGHT]?: number };

interface AddressNames {
  host: string;
  port: string;
}

/** A server that need not listen yet. */
interface PreparedServer extends HttpServer {
  /** Throws OperatorError when the address cannot be listened on. */
  listen(): Promise<void>;
}

export interface HttpServer {
  /** Where the server listens, as `http://127.0.0.1:4000`. */
  readonly url: string;
  /** How many requests have no finished answer yet, health left out. */
  requestsInFlight(): number;
  /** From now on requests are answered: by this listener, as long as the probe says that the database is there. */
  serve(listener: RequestListener, isDatabaseThere: () => Promise<boolean>): void;
  /** Stops accepting, lets what is in flight finish within the time given, and cuts off the rest. */
  close(): Promise<void>;
}

/**
 * A server that listens, and answers 503 until it is told what to serve: the port is taken, and health can be asked,
 * before the database is opened. Throws OperatorError when the address cannot be listened on.
 */
export async function listen(options: ServerOptions): Promise<HttpServer> {
  const server = prepareServer(options);
  await server.listen();
  return server;
}

/** As listen, of a server that is to be told what to serve before it listens. */
export function prepareServer({
  host,
  port,
  drainMs,
  lingerMs = 0,
  names = OWN_NAMES,
  limits,
  isTrustedProxy = () => false,
}: ServerOptions): PreparedServer {
  let phase: Phase = 'starting';
  let listener: RequestListener = (request, response) => {
    if (canAskAnother(request)) response.setHeader('X-Accel-Redirect', '@another_node');
    refuse(request, response, 503, 'starting');
  };
  let isDatabaseThere = async () => false;
  let requestsInFlight = 0;

  const server = createServer(optionsOf(limits), (request, response) => {
    if (phase === 'draining') response.setHeader('Connection', 'close');
    if (request.url?.startsWith(HEALTH_PATH)) {
      const path = request.url.split('?', 1)[0];
      if (path === `${HEALTH_PATH}live`) return answer(response, 200, 'live');
      if (path === `${HEALTH_PATH}ready`) return void answerReadiness(response);
    }
    if (!hasReadableHost(request)) return refuse(request, response, 400, 'the Host header is no host');
    requestsInFlight += 1;
    const socket: CountedSocket = request.socket;
    socket[IN_FLIGHT] = (socket[IN_FLIGHT] ?? 0) + 1;
    // Once for each answer, whether it was finished or its client has gone.
    response.on('close', noteClosed);
    return listener(request, response);
  });

  function noteClosed(this: ServerResponse): void {
    // Whatever its type says: gone with a connection that was given up, which has been counted off.
    const socket: CountedSocket | null = this.req.socket;
    if (!socket?.[IN_FLIGHT]) return;
    socket[IN_FLIGHT] -= 1;
    requestsInFlight -= 1;
  }

  // Node 20 tells nothing to an answer that waits for the one before it on a connection that is gone.
  server.on('connection', (socket: CountedSocket) => {
    socket.once('close', () => {
      requestsInFlight -= socket[IN_FLIGHT] ?? 0;
      socket[IN_FLIGHT] = 0;
    });
  });

  server.on('clientError', refuseClient);
  // Node would drop what is more without a word, a second Authorization with it. The bytes are counted, and that is enough.
  server.maxHeadersCount = 0;
  if (limits) {
    // Among workers, node:cluster would offer one too many to the next, and to the next, without end where all are full.
    if (!cluster.isWorker) server.maxConnections = limits.connections;
    limitConnections(server, {
      most: cluster.isWorker ? limits.connections : null,
      perAddress: limits.connectionsPerAddress,
      isTrustedProxy,
      stalledMs: limits.stalledMs,
    });
  }

  async function answerReadiness(response: ServerResponse): Promise<void> {
    const isReady = phase === 'ready' && (await isDatabaseThere());
    answer(response, isReady ? 200 : 503, phase === 'ready' && !isReady ? 'database away' : phase);
  }

  return {
    listen: () => startListening(server, host, port, names),
    get url() {
      return urlOf(server, host);
    },
    requestsInFlight: () => requestsInFlight,
    serve(given, probe) {
      listener = given;
      isDatabaseThere = probe;
      phase = 'ready';
    },
    async close() {
      phase = 'draining';
      // Not the server's own close, which ends what is idle: the next request may be on its way there already. It is
      // answered, and told to be the last.
      const closed = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
      const lingersUntil = performance.now() + lingerMs;
      // Again and again: a connection whose request has just been answered would stay open for the next one.
      const sweep = setInterval(() => {
        if (performance.now() >= lingersUntil) server.closeIdleConnections();
      }, SWEEP_MS);
      const cutOff = setTimeout(() => server.closeAllConnections(), drainMs);
      await closed;
      clearInterval(sweep);
      clearTimeout(cutOff);
    },
  };
}

function optionsOf(limits: HttpLimits | undefined): NodeServerOptions<typeof Incoming, typeof Outgoing> {
  if (!limits) return { IncomingMessage: Incoming, ServerResponse: Outgoing };
  return {
    IncomingMessage: Incoming,
    ServerResponse: outgoingOf(limits.keepAliveMs),
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    maxHeaderSize: limits.headerBytes,
    connectionsCheckingInterval: CHECK_MS,
    // A client that is gone without a word is noticed, also where only an event stream was open.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  };
}

function startListening(server: Server, host: string, port: number, names: AddressNames): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, host, port, names)));
    server.listen(port, host, resolve);
  });
}

function explain(error: NodeJS.ErrnoException, host: string, port: number, names: AddressNames): Error {
  const remedies: Record<string, string> = {
    EADDRINUSE: `${names.port} ${port} on ${host} is in use. Stop what listens there, or set ${names.port} to another.`,
    EACCES: `${names.port} ${port} on ${host} may not be listened on by this user. Set ${names.port} to one above 1023.`,
    EADDRNOTAVAIL: `${names.host} ${host} is no address of this machine. Set ${names.host} to one that is, such as 127.0.0.1.`,
    ENOTFOUND: `${names.host} ${host} is not known. Set ${names.host} to an address of this machine, such as 127.0.0.1.`,
  };
  const remedy = remedies[error.code ?? ''];
  return remedy ? new OperatorError(remedy) : error;
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

// As docs/guides/deployment/nginx.conf counts: one sign for each node that was asked. nginx goes ten ways at most.
function canAskAnother({ headers: { 'x-other-nodes': others } }: IncomingMessage): boolean {
  return typeof others === 'string' && others.length < 9;
}

// Whoever makes a URL of it further on would fail, and tell the caller how.
function hasReadableHost({ headers: { host = 'localhost' } }: IncomingMessage): boolean {
  if (host === readableHost) return true;
  if (!URL.canParse(`http://${host}`)) return false;
  readableHost = host;
  return true;
}

/** The last that was: nearly always the next. */
let readableHost: string | null = null;

/** As answer, told by an id as all that is asked for is; whoever asks for health has nothing to look up. */
function refuse({ headers }: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  // Of several, Node gives one text with commas, which is no id.
  response.setHeader(REQUEST_ID_HEADER, requestIdOf(String(headers[REQUEST_ID_HEADER.toLowerCase()] ?? '')));
  answer(response, status, text);
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...STATUS_HEADERS, ...(status === 503 ? { 'Retry-After': '1' } : {}) });
  response.end(statusBody(text));
}

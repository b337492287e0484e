import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { ExecutionArgs, ExecutionResult, GraphQLError } from 'graphql';
import { type FetchAPI, type GraphQLParams, type Plugin, processRegularResult } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { type ErrorCode, RequestRefused } from '../errors.ts';
import type { Context, ServerContext } from '../graphql/context.ts';
import type { TrustedDocuments } from '../graphql/trusted-documents.ts';
import type { Promptly } from '../promptly.ts';
import { Answer, refusalAnswer, wholeAnswer } from './answer.ts';
import { AskedRequest } from './asked-request.ts';
import { GRAPHQL_PATH } from './graphql-path.ts';
import { Incoming } from './incoming.ts';
import type { KnownQueries, KnownQuery } from './known-queries.ts';
import { maskError } from './mask-error.ts';
import { Outgoing } from './outgoing.ts';
import type { SenderOf } from './sender.ts';
import { authorizationsOf } from './two-authorizations.ts';
import { trustedQueryOf } from './use-trusted-documents.ts';

interface ShortWayOptions {
  /** The server's own plugins, in their order: each hook of theirs is called here, too, where it has a part in the answer. */
  plugins: readonly (Plugin | Plugin<Context>)[];
  serverContext: ServerContext;
  senderOf: SenderOf;
  browserOf(request: Request): Context['browser'];
  /** Notes with which code a request was refused. */
  noteOutcome(request: Request, code: ErrorCode): void;
  known: KnownQueries;
  /** Null: any document is run. */
  trustedDocuments: TrustedDocuments | null;
  mostBodyBytes: number;
  log: Logger;
  /** Answers whatever is not asked in the common way. */
  yoga: RequestListener;
}

/** What hooks are told of the URL of what comes this way. */
const PLACE = { pathname: GRAPHQL_PATH };

class NodePair {
  readonly req: Incoming;
  readonly res: Outgoing;

  constructor(req: Incoming, res: Outgoing) {
    this.req = req;
    this.res = res;
  }
}

/** A request on its way, as the hooks before and after its execution are told of it. */
class Asked {
  readonly request: Request;
  readonly serverContext: NodePair;
  readonly context: NodePair;
  readonly url = PLACE;
  readonly mediaType: string;
  readonly query: KnownQuery;
  readonly params: GraphQLParams;
  response: Answer | null = null;

  constructor(req: Incoming, res: Outgoing, { query, params }: Question, mediaType: string) {
    this.request = new AskedRequest(req.headers) as unknown as Request;
    this.serverContext = new NodePair(req, res);
    this.context = this.serverContext;
    this.mediaType = mediaType;
    this.query = query;
    this.params = params;
  }

  /** What is run is what was found for these. */
  setParams(): void {}
}

type Result = Promptly<ExecutionResult | RequestRefused>;
type OnExecute = NonNullable<Plugin<Context>['onExecute']>;

class Arguments implements Omit<ExecutionArgs, 'variableValues'> {
  readonly schema: KnownQuery['schema'];
  readonly document: KnownQuery['document'];
  readonly operationName: string | null;
  readonly contextValue: Context;
  readonly variableValues: Variables;

  constructor({ schema, document, operationName }: KnownQuery, contextValue: Context, variables: Variables) {
    this.schema = schema;
    this.document = document;
    this.operationName = operationName;
    this.contextValue = contextValue;
    this.variableValues = variables;
  }
}

/** The execution of a query, as hooks are told of it. */
class Execution {
  readonly args: Arguments;
  executeFn: () => Promptly<ExecutionResult>;
  stopped: ExecutionResult | RequestRefused | null = null;

  constructor(query: KnownQuery, context: Context, variables: Variables) {
    this.args = new Arguments(query, context, variables);
    this.executeFn = () => query.execute(context, variables);
  }

  setExecuteFn(next: () => Promptly<ExecutionResult>): void {
    this.executeFn = next;
  }

  setResultAndStopExecution(result: ExecutionResult): void {
    this.stopped = result;
  }

  refuse(refusal: RequestRefused): void {
    this.stopped = refusal;
  }

  /** What hooks return is for mutations and streams, which do not come this way. */
  run(hooks: readonly OnExecute[], from = 0): Result {
    for (let at = from; at < hooks.length; at += 1) {
      const done = hooks[at]?.(this as never);
      if (done instanceof Promise) return done.then(() => this.stopped ?? this.run(hooks, at + 1));
      if (this.stopped) return this.stopped;
    }
    return this.executeFn();
  }
}

type Variables = GraphQLParams['variables'];

interface ShortWay {
  listener: RequestListener;
  /** How many requests it has answered itself. */
  answered(): number;
}

/** A request in the common way, read as far as Yoga would read it before anything comes of it. */
interface Question {
  query: KnownQuery;
  params: GraphQLParams;
}

const JSON_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=utf-8',
  'application/json; charset=UTF-8',
  'application/json;charset=UTF-8',
]);

/** Bodies that are kept with what they ask. */
const MOST_KEPT = 200;
const LONGEST_KEPT = 4_000;

const PARAMETERS: ReadonlySet<string> = new Set(['query', 'operationName', 'variables', 'extensions']);

/**
 * Answers the common request, a query as JSON by POST that Yoga has executed before, without the Request, the Response
 * and the streams of fetch, and hands all else to Yoga untouched. What refuses, counts, logs and sets headers are the
 * same plugins.
 */
export function createShortWay({
  plugins,
  serverContext: lent,
  senderOf,
  browserOf,
  noteOutcome,
  known,
  trustedDocuments,
  mostBodyBytes,
  log,
  yoga,
}: ShortWayOptions): ShortWay {
  const hooks = hooksOf(plugins);
  let answered = 0;
  const [instrument] = plugins.flatMap(({ instrumentation }) => instrumentation?.request ?? []);
  const questions = new LRUCache<string, Question>({ max: MOST_KEPT });

  /** A context before which stands what the server lends: to copy that for each request took longer than to answer it. */
  class AskedContext {
    viewer = null;
    failure = null;
    readonly req: IncomingMessage;
    readonly res: ServerResponse;
    readonly request: Request;
    readonly sender: Context['sender'];
    readonly browser: Context['browser'];
    #admitted: Context['admitted'] | null = null;

    constructor({ request, serverContext }: Asked) {
      this.req = serverContext.req;
      this.res = serverContext.res;
      this.request = request;
      this.sender = () => senderOf(request, serverContext);
      this.browser = browserOf(request);
    }

    /** Nobody proves himself in a query. */
    get admitted(): Context['admitted'] {
      this.#admitted ??= new Set();
      return this.#admitted;
    }
  }
  Object.setPrototypeOf(AskedContext.prototype, lent);

  /** What is asked; null: for Yoga to read. Nothing has come of it yet. Throws what parsing throws. */
  function read(body: string): Question | null {
    const params: GraphQLParams = JSON.parse(body);
    if (!isObject(params)) return null;
    const { operationName = null, variables = null, extensions = null } = params;
    if (operationName !== null && typeof operationName !== 'string') return null;
    if ((variables !== null && !isObject(variables)) || (extensions !== null && !isObject(extensions))) return null;
    const text = trustedDocuments ? trustedQueryOf(params, trustedDocuments) : params.query;
    if (typeof text !== 'string') return null;
    for (const name in params) if (!PARAMETERS.has(name) && !(trustedDocuments && name === 'documentId')) return null;
    const query = known.find(text, operationName, variables);
    return query && { query, params };
  }

  /**
   * As read, where it can be: what is no JSON, or a document that is too much, Yoga refuses in its own words. Bodies come
   * again byte by byte, and those without variables are kept as what they were read as.
   */
  function readOrNull(body: string): Question | null {
    const before = questions.get(body);
    if (before) return before;
    try {
      const question = read(body);
      if (question && body.length <= LONGEST_KEPT && hasNone(question.params.variables)) questions.set(body, question);
      return question;
    } catch {
      return null;
    }
  }

  function answer(req: Incoming, res: Outgoing, question: Question, mediaType: string): void {
    answered += 1;
    const asked = new Asked(req, res, question, mediaType);
    try {
      const done = instrument ? instrument({ request: asked.request }, () => answerTo(asked) ?? DONE) : answerTo(asked);
      if (done instanceof Promise) done.catch((error) => giveUp(error, res));
    } catch (error) {
      giveUp(error, res);
    }
  }

  /** A hook is broken that sees every answer: there is none to be had, and nobody else would hear of it. */
  function giveUp(err: unknown, res: ServerResponse): void {
    log.error({ err }, 'request failed');
    res.destroy();
  }

  function answerTo(asked: Asked): Promptly<void> {
    for (const onRequest of hooks.onRequest) onRequest(asked as never);
    let result: Result;
    try {
      result = resultOf(asked);
    } catch (error) {
      return fail(error, asked);
    }
    if (!(result instanceof Promise)) return send(answerOf(result, asked), asked);
    return result.then(
      (later) => send(answerOf(later, asked), asked),
      (error) => fail(error, asked),
    );
  }

  function fail(error: unknown, asked: Asked): void {
    send(answerOf(error instanceof RequestRefused ? error : { errors: [error as GraphQLError] }, asked), asked);
  }

  function answerOf(result: ExecutionResult | RequestRefused, asked: Asked): Answer {
    const { mediaType, request } = asked;
    if (result instanceof RequestRefused) {
      noteOutcome(request, result.code);
      return refusalAnswer(result, mediaType);
    }
    if (!result.errors) return new Answer(JSON.stringify(result), wholeAnswer(mediaType));
    return processRegularResult(processed(result, result.errors, asked), FETCH_API, mediaType) as unknown as Answer;
  }

  function send(response: Answer, asked: Asked): void {
    const { res } = asked.serverContext;
    asked.response = response;
    for (const onResponse of hooks.onResponse) onResponse(asked as never);
    res.answer(response);
  }

  function resultOf(asked: Asked): Result {
    for (const onParams of hooks.onParams) onParams(asked as never);
    const context = new AskedContext(asked) as unknown as Context;
    return new Execution(asked.query, context, asked.params.variables).run(hooks.onExecute);
  }

  function processed(
    unmasked: ExecutionResult,
    errors: readonly GraphQLError[],
    { request, serverContext }: Asked,
  ): ExecutionResult {
    let result: ExecutionResult = { ...unmasked, errors: errors.map(maskError) as GraphQLError[] };
    const setResult = (next: ExecutionResult) => {
      result = next;
    };
    for (const onResultProcess of hooks.onResultProcess) {
      onResultProcess({ request, result, setResult, resultProcessor: processRegularResult, serverContext } as never);
    }
    return result;
  }

  function listener(req: IncomingMessage, res: ServerResponse): unknown {
    if (!(req instanceof Incoming && res instanceof Outgoing)) return yoga(req, res);
    const length = commonLength(req, mostBodyBytes);
    const mediaType = length > 0 ? known.mediaTypeFor(req.headers.accept ?? null) : null;
    if (mediaType === null) return yoga(req, res);
    req.takeBody(length, (body) => {
      const question = body && readOrNull(body.toString());
      if (question) return answer(req, res, question, mediaType);
      // As if nobody had looked at it.
      req.giveBack(body);
      yoga(req, res);
    });
  }

  return { listener, answered: () => answered };
}

/** How long the body is; 0: not asked in the common way. */
function commonLength(req: IncomingMessage, mostBodyBytes: number): number {
  const { method, url, headers } = req;
  if (method !== 'POST' || url !== GRAPHQL_PATH || !JSON_TYPES.has(headers['content-type'] ?? '')) return 0;
  if (headers['content-encoding'] !== undefined || headers['transfer-encoding'] !== undefined) return 0;
  const length = Number(headers['content-length'] ?? 0);
  return length <= mostBodyBytes && authorizationsOf(req) < 2 ? length : 0;
}

function hasNone(variables: Variables): boolean {
  for (const _name in variables ?? {}) return false;
  return true;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const DONE = Promise.resolve();

const FETCH_API = { Response: Answer } as unknown as FetchAPI;

function hooksOf(plugins: ShortWayOptions['plugins']) {
  const of = <Name extends keyof Plugin<Context>>(name: Name) =>
    plugins.flatMap((plugin) => (plugin[name] ? [plugin[name]] : [])) as NonNullable<Plugin<Context>[Name]>[];
  return {
    onRequest: of('onRequest'),
    onParams: of('onParams'),
    onExecute: of('onExecute'),
    onResultProcess: of('onResultProcess'),
    onResponse: of('onResponse'),
  };
}

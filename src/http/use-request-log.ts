import { type ExecutionArgs, type ExecutionResult, type GraphQLError, getOperationAST } from 'graphql';
import { isAsyncIterable, mapAsyncIterator, type Plugin } from 'graphql-yoga';
import type { Logger } from 'pino';
import { reasonOfAway } from '../database/away.ts';
import type { Context } from '../graphql/context.ts';
import { globalIdOf } from '../graphql/global-id.ts';
import { redact } from '../redact.ts';
import { GRAPHQL_PATH } from './graphql-path.ts';
import type { PerRequest } from './per-request.ts';
import { plainInfoOf } from './plain-info.ts';
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.ts';
import { type StreamedResult, withErrors } from './streamed-result.ts';
import { withExtensions } from './with-extensions.ts';

/** What is known of a request while it is answered. */
class Entry {
  readonly requestId: string;
  /** The same for the log: callers may choose it. */
  readonly loggedId: string;
  readonly from = performance.now();
  /** Until the answer was made. */
  seconds = 0;
  operation: string | null = null;
  /** Null: `ok`, or the expected failure that stands on the context. Else `partial`, or the code of the first error. */
  outcome: string | null = null;
  context: Pick<Context, 'viewer' | 'admitted' | 'failure'> | null = null;
  /** Of the trace that the request is part of, where there are traces. */
  traceId: string | undefined = undefined;

  constructor(sentId: string | null) {
    this.requestId = requestIdOf(sentId);
    this.loggedId = sentId === null ? this.requestId : redact(this.requestId);
  }
}

/** The requests that are being answered: what else answers some, beside GraphQL, says here what it knows of them. */
export type RequestEntries = PerRequest<Entry>;

/** How a request ended, in one word; one of few, whatever callers do. */
export function outcomeOf({ outcome, context }: Entry, response: Response): string {
  return outcome ?? context?.failure ?? (response.ok ? 'ok' : String(response.status));
}

/** Where a request went: one of the server's paths, or `other`. */
export function endpointOf({ operation }: Entry, response: Response): string {
  // No operation of GraphQL can be named so.
  if (operation?.startsWith('/')) return operation;
  return response.status === 404 ? 'other' : GRAPHQL_PATH;
}

/** GraphQL sets no limit to a name's length; a log line does. */
const MOST_NAME_CHARACTERS = 100;

/** Names and codes need no escaping, and whoever adds to the server may have others. */
function inJson(word: string): string {
  if (word === 'ok') return '"ok"';
  return /^[\w/.-]+$/.test(word) ? `"${word}"` : JSON.stringify(word);
}

/** Tells why the database is away; the caller is told no more than that it is. */
export function warnOfAway(log: Logger, requestId: string | undefined, error: unknown): void {
  log.warn({ requestId, reason: reasonOfAway(error) }, 'the database was away');
}

/**
 * One line a request, and for a stream one when it begins, told by its id: in `X-Request-Id`, in the log, and in the
 * extensions of an error that is masked.
 * Neither documents nor variables nor headers are logged: keys and passwords travel in them.
 */
export function useRequestLog(log: Logger, entries: RequestEntries): Plugin<Context> {
  const tell = plainInfoOf(log);

  /** A masked error with the request's id, after the log has been told what it hides. */
  function reported(error: GraphQLError, { requestId }: Entry): GraphQLError {
    const { code } = error.extensions;
    if (code === 'OVERLOADED' && error.originalError) warnOfAway(log, requestId, error.originalError);
    if (code !== 'INTERNAL_SERVER_ERROR') return error;
    log.error({ requestId, err: error.originalError }, 'request failed');
    return withExtensions(error, { ...error.extensions, requestId });
  }

  function note({ args }: { args: object }): void {
    const { document, operationName, contextValue } = args as ExecutionArgs & {
      contextValue: Context & { request: Request };
    };
    const entry = entries.get(contextValue.request);
    if (!entry) return;
    const name = getOperationAST(document, operationName)?.name?.value;
    entry.operation = name?.slice(0, MOST_NAME_CHARACTERS) ?? null;
    entry.context = contextValue;
  }

  return {
    onRequest({ request }) {
      entries.set(request, new Entry(request.headers.get(REQUEST_ID_HEADER)));
    },
    onExecute: note,
    onSubscribe: note,
    onResultProcess({ request, result, setResult }) {
      const entry = entries.get(request);
      if (!entry || Array.isArray(result)) return;
      if (isAsyncIterable<StreamedResult>(result)) {
        setResult(mapAsyncIterator(result, (part) => withErrors(part, (error) => reported(error, entry))));
        return;
      }
      if (!('errors' in result) || !result.errors?.length) return;
      const [first] = result.errors;
      entry.outcome = result.data == null ? String(first?.extensions.code ?? 'error') : 'partial';
      const errors = result.errors.map((error) => reported(error, entry));
      setResult({ ...(result as ExecutionResult), errors });
    },
    onResponse({ request, response }) {
      const entry = entries.get(request);
      if (!entry) return;
      const { requestId, from, operation, context, traceId } = entry;
      // Whoever has just logged in has no viewer yet.
      const userId = context?.viewer?.user.id ?? [...(context?.admitted ?? [])][0];
      response.headers.set(REQUEST_ID_HEADER, requestId);
      entry.seconds = (performance.now() - from) / 1000;
      const durationMs = Math.round(entry.seconds * 10_000) / 10;
      tell(
        `"requestId":"${entry.loggedId}"${traceId ? `,"traceId":"${traceId}"` : ''},` +
          `"operation":${operation === null ? null : inJson(redact(operation))},"durationMs":${durationMs},` +
          `"outcome":${inJson(outcomeOf(entry, response))},"status":${response.status},` +
          `"userId":${userId === undefined ? null : `"${globalIdOf('User', userId)}"`},"msg":"request"`,
      );
    },
  };
}

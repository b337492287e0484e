import { type ExecutionArgs, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../graphql/context.ts';
import { GRAPHQL_PATH } from './graphql-path.ts';
import { perRequest } from './per-request.ts';
import { INTROSPECT_PATH } from './use-oauth-introspect.ts';
import { REVOKE_PATH } from './use-oauth-revoke.ts';
import { outcomeOf, type RequestEntries } from './use-request-log.ts';

/** Does the work as a step of the request at hand, whose time is told apart; outside of a request it is just done. */
export type Within = <Result>(step: string, work: () => Result) => Result;

/** What is made of requests for whoever wants to know where their time goes. */
export interface Tracing {
  begin(request: TracedRequest): RequestSpan;
  within: Within;
  /** Told of a statement that the database has just answered. */
  noteStatement(sql: string, durationMs: number): void;
  /** Sends what has not been sent, within a few seconds. */
  close(): Promise<void>;
}

/** Nothing in it but the headers is a caller's choice. */
interface TracedRequest {
  method: string;
  path: string;
  scheme: 'http' | 'https';
  /** Which trace the request is part of. */
  headers: Pick<Headers, 'get'>;
}

/** A request that is being answered. */
interface RequestSpan {
  readonly traceId: string;
  /** Does the work, all of it, as that of this request. */
  run<Result>(work: () => Result): Result;
  noteOperation(type: string): void;
  end(answer: Answer | null): void;
}

interface Answer {
  status: number;
  outcome: string;
  requestId: string;
  operation: string | null;
}

/** The paths that are traced: where a caller is looked up, and the database may be asked. */
const PATHS: ReadonlySet<string> = new Set([GRAPHQL_PATH, INTROSPECT_PATH, REVOKE_PATH]);

/**
 * One span a request, with steps beneath it. Neither documents nor variables nor headers are told, as in the log; what
 * a document is kept for, its parsing and validation, is no step of the requests that find it kept.
 */
export function useTracing(tracing: Tracing, entries: RequestEntries, { isTls }: { isTls: boolean }): Plugin<Context> {
  const spans = perRequest<RequestSpan>();
  const answers = perRequest<Answer>();
  const scheme = isTls ? 'https' : 'http';

  function noteOperation(args: object): void {
    const { document, operationName, contextValue } = args as ExecutionArgs & { contextValue: { request: Request } };
    const type = getOperationAST(document, operationName)?.operation;
    if (type) spans.get(contextValue.request)?.noteOperation(type);
  }

  return {
    instrumentation: {
      request({ request }, answerRequest) {
        const path = new URL(request.url, 'http://localhost').pathname;
        if (!PATHS.has(path)) return answerRequest();
        const span = tracing.begin({ method: request.method, path, scheme, headers: request.headers });
        spans.set(request, span);
        return span.run(async () => {
          try {
            await answerRequest();
          } finally {
            span.end(answers.get(request) ?? null);
          }
        });
      },
    },
    onRequest({ request }) {
      const entry = entries.get(request);
      if (entry) entry.traceId = spans.get(request)?.traceId;
    },
    onParse({ parseFn, setParseFn }) {
      setParseFn((...given: Parameters<typeof parseFn>) => tracing.within('graphql.parse', () => parseFn(...given)));
    },
    onValidate({ validateFn, setValidationFn }) {
      setValidationFn((...given) => tracing.within('graphql.validate', () => validateFn(...given)));
    },
    onExecute(hooked) {
      const { args, executeFn } = hooked;
      noteOperation(args);
      hooked.setExecuteFn((given) => tracing.within('graphql.execute', () => executeFn(given)));
    },
    onSubscribe({ args, subscribeFn, setSubscribeFn }) {
      noteOperation(args);
      setSubscribeFn((given) => tracing.within('graphql.subscribe', () => subscribeFn(given)));
    },
    onResponse({ request, response }) {
      const entry = entries.get(request);
      if (!entry || !spans.get(request)) return;
      const { requestId, operation } = entry;
      answers.set(request, {
        status: response.status,
        outcome: outcomeOf(entry, response),
        requestId,
        // Beside GraphQL the path stands there.
        operation: operation?.startsWith('/') ? null : operation,
      });
    },
  };
}

import { type DocumentNode, type ExecutionArgs, type GraphQLSchema, getOperationAST, OperationTypeNode } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import {
  type CompiledQuery,
  type Compiler,
  compileQuery,
  interpretQuery,
  loadCompiler,
} from '../graphql/compile-query.ts';
import type { Context } from '../graphql/context.ts';
import { asksForParts } from '../graphql/incremental-delivery.ts';
import { readOperation } from '../graphql/read-operation.ts';
import type { Promptly } from '../promptly.ts';
import { perRequest } from './per-request.ts';

/** A query that Yoga has executed before: parsed, validated and measured. */
export interface KnownQuery {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName: string | null;
  execute: CompiledQuery;
}

/** What was learnt of requests that Yoga has answered, and holds for others like them. */
export interface KnownQueries {
  /** The query of this document that these parameters ask for; null where Yoga is to say what becomes of them. */
  find(text: string, operationName: string | null, variables: Record<string, unknown> | null): KnownQuery | null;
  /** In what an answer comes that comes whole, where this is accepted; null: Yoga has not been asked yet. */
  mediaTypeFor(accept: string | null): string | null;
  /** To be hooked in last: what others refuse is not learnt. */
  learning: Plugin<Context>;
  /** Loads what compiles queries, before one is to be compiled. */
  prepare(): Promise<void>;
}

const MOST_DOCUMENTS = 200;
const MOST_CHARACTERS = 1_000_000;
const LONGEST_DOCUMENT = 20_000;
const MOST_OPERATIONS = 4;
/** Compiling takes as long as many executions: it is for what comes again. */
const RUNS_BEFORE = 2;
/** Of the time no more than one part in so many is spent on compiling. */
const REST_SHARES = 20;

const MOST_ACCEPTS = 100;
const LONGEST_ACCEPT = 300;
/** None was sent, which an empty one is not; no header begins so. */
const NO_ACCEPT = ' none';
const MEDIA_TYPES = ['application/json', 'application/graphql-response+json'];

type NotedArgs = ExecutionArgs & { contextValue: Context & { request: Request } };

interface Known {
  document: DocumentNode;
  operations: Map<string | null, { runs: number; query: KnownQuery | null }>;
}

export function knownQueries(log: Logger): KnownQueries {
  const documents = new LRUCache<string, Known>({
    max: MOST_DOCUMENTS,
    maxSize: MOST_CHARACTERS,
    sizeCalculation: (_known, text) => text.length + 1,
  });
  let mediaTypes = new Map<string, string>();
  const executed = perRequest<true>();
  let compilesFrom = 0;
  let compiler: Promptly<Compiler | null> | undefined;

  /** Null: it cannot be had. */
  function compilerNow(): Promptly<Compiler | null> {
    compiler ??= loadCompiler()
      .catch((err) => {
        log.error({ err }, 'what compiles queries cannot be loaded: they are interpreted');
        return null;
      })
      .then((loaded) => {
        compiler = loaded;
        return loaded;
      });
    return compiler;
  }

  function note({ schema, document, operationName: name, contextValue }: NotedArgs): void {
    const operationName = name ?? null;
    const text = document.loc?.source.body;
    if (text === undefined || text.length > LONGEST_DOCUMENT) return;
    let known = documents.get(text);
    if (known?.document !== document) {
      known = { document, operations: new Map() };
      documents.set(text, known);
    }
    const operation = known.operations.get(operationName) ?? { runs: 0, query: null };
    operation.runs += 1;
    if (operation.runs === 1 && known.operations.size < MOST_OPERATIONS) known.operations.set(operationName, operation);
    if (operation.runs < RUNS_BEFORE || operation.query || asksForParts(document)) return;
    // For strangers nothing is compiled: they could have the server do nothing else.
    const isCompiled = contextValue.viewer !== null;
    const now = performance.now();
    if (isCompiled && now < compilesFrom) return;
    const loaded = isCompiled ? compilerNow() : null;
    // Until it is there, Yoga goes on.
    if (loaded instanceof Promise) return;
    const execute =
      (loaded && compileQuery(loaded, schema, document, operationName)) ||
      interpretQuery(schema, document, operationName);
    operation.query = { schema, document, operationName, execute };
    if (isCompiled) compilesFrom = now + REST_SHARES * (performance.now() - now);
  }

  return {
    async prepare() {
      await compilerNow();
    },
    find(text, operationName, variableValues) {
      const query = documents.get(text)?.operations.get(operationName)?.query;
      // Variables that do not fit are refused in Yoga's words.
      return query && readOperation({ ...query, variableValues }) ? query : null;
    },
    mediaTypeFor: (accept) => mediaTypes.get(accept ?? NO_ACCEPT) ?? null,
    learning: {
      onExecute({ args }) {
        const noted = args as NotedArgs;
        if (getOperationAST(noted.document, noted.operationName)?.operation !== OperationTypeNode.QUERY) return;
        executed.set(noted.contextValue.request, true);
        note(noted);
      },
      onResponse({ request, response }) {
        const accept = request.headers.get('accept') ?? NO_ACCEPT;
        // 406 comes as JSON whatever is accepted.
        if (!executed.get(request) || response.status === 406) return;
        if (accept.length > LONGEST_ACCEPT || mediaTypes.has(accept)) return;
        const [mediaType = ''] = response.headers.get('content-type')?.split(';', 1) ?? [];
        if (!MEDIA_TYPES.includes(mediaType)) return;
        // Learnt again within one request each.
        if (mediaTypes.size === MOST_ACCEPTS) mediaTypes = new Map();
        mediaTypes.set(accept, mediaType);
      },
    },
  };
}

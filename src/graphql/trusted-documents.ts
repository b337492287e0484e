import { readFileSync } from 'node:fs';
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  isExecutableDefinitionNode,
  Kind,
  stripIgnoredCharacters,
  validate,
} from 'graphql';
import { OperatorError, RequestRefused } from '../errors.ts';
import { checkTokens } from './check-tokens.ts';
import { parseDocument } from './parse-document.ts';
import type { QueryLimits } from './query-limits.ts';

/** The only documents that are run. */
export interface TrustedDocuments {
  byId(id: string): string | null;
  /** The one that says the same, spaces and comments aside. */
  byText(text: string): string | null;
}

const REMEDY = 'Make the manifest anew, by the build of the clients, for this schema.';

/**
 * What a manifest lists: a JSON object of documents by id, as codegen's client preset and relay-compiler write it, or
 * Apollo's. Throws OperatorError where the file cannot be read, or a document is one that would be refused.
 */
export function readTrustedDocuments(file: string, schema: GraphQLSchema, limits: QueryLimits): TrustedDocuments {
  const texts = new Map(entriesOf(file));
  if (texts.size === 0) throw problem(file, 'lists no operation. Make it by the build of the clients.');
  for (const [id, text] of texts) {
    const why = whyNot(text, schema, limits);
    if (why) throw problem(file, `${JSON.stringify(id.slice(0, 100))}: ${why} ${REMEDY}`);
  }
  const stripped = new Map([...texts.values()].map((text) => [stripIgnoredCharacters(text), text]));
  return {
    // codegen names the algorithm, which clients of Apollo's protocol do not.
    byId: (id) => texts.get(id) ?? texts.get(`sha256:${id}`) ?? null,
    byText(text) {
      checkTokens(text, limits.tokens);
      return stripped.get(withoutIgnored(text)) ?? null;
    },
  };
}

function entriesOf(file: string): [string, string][] {
  const entries = listed(file);
  return entries.map(([id, text]) => {
    if (typeof id === 'string' && typeof text === 'string') return [id, text];
    throw problem(file, `must be a JSON object of documents by id. ${REMEDY}`);
  });
}

function listed(file: string): [unknown, unknown][] {
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw problem(file, `cannot be read: ${(error as Error).message}`);
  }
  if (typeof manifest !== 'object' || manifest === null) return [[null, null]];
  if (!('operations' in manifest && Array.isArray(manifest.operations))) return Object.entries(manifest);
  return manifest.operations.map((operation) => [operation?.id, operation?.body]);
}

function whyNot(text: string, schema: GraphQLSchema, limits: QueryLimits): string | null {
  try {
    const document = parseDocument(text, limits);
    const name = nameOf(document);
    if (name === null) return 'it has no operation.';
    const [error] = validate(schema, document);
    return error ? `${name}: ${error.message}` : null;
  } catch (error) {
    if (error instanceof GraphQLError) return error.message;
    if (error instanceof RequestRefused) return `${error.message} Raise the limit, or ask for less at once.`;
    throw error;
  }
}

/** Of its first operation; null where it has none, or has what is no operation. */
function nameOf({ definitions }: DocumentNode): string | null {
  const operation = definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION);
  if (!operation || !definitions.every(isExecutableDefinitionNode)) return null;
  return operation.name?.value ?? operation.operation;
}

function withoutIgnored(text: string): string {
  try {
    return stripIgnoredCharacters(text);
  } catch (error) {
    // It does not parse: then it is on no list.
    if (error instanceof GraphQLError) return text;
    throw error;
  }
}

function problem(file: string, what: string): OperatorError {
  return new OperatorError(`TRUSTED_DOCUMENTS: ${file} ${what}`);
}

import { readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import {
  type DocumentNode,
  GraphQLError,
  isTypeSystemDefinitionNode,
  isTypeSystemExtensionNode,
  parse,
  Source,
} from 'graphql';
import { glob } from 'tinyglobby';
import { OperatorError, RequestRefused } from '../errors.ts';
import { checkTokens } from '../graphql/check-tokens.ts';

const IS_GRAPHQL = /\.(graphql|gql)$/;

export interface GraphQLFiles {
  /** What asks for something, by file, in the order of their names. */
  documents: Map<string, DocumentNode>;
  /** The files that define types and nothing else. */
  schemas: string[];
}

/**
 * The .graphql and .gql files that are named, stand in the folders that are named or match the globs. Throws
 * OperatorError where nothing does, or a file cannot be read or parsed.
 */
export async function readGraphQLFiles(places: readonly string[]): Promise<GraphQLFiles> {
  const found = await Promise.all(places.map(filesAt));
  const read: GraphQLFiles = { documents: new Map(), schemas: [] };
  for (const file of [...new Set(found.flat())].sort()) {
    const document = parseFile(file, await readText(file));
    const isSchema = document.definitions.every(
      (node) => isTypeSystemDefinitionNode(node) || isTypeSystemExtensionNode(node),
    );
    if (isSchema) read.schemas.push(file);
    else read.documents.set(file, document);
  }
  return read;
}

/** What is wrong, and where: file, line and column, as editors and terminals know to jump to. */
export function placedError(error: GraphQLError, more = 0): OperatorError {
  const [{ line, column } = { line: 1, column: 1 }] = error.locations ?? [];
  const others = more > 0 ? ` (and ${more} more)` : '';
  return new OperatorError(`${error.source?.name}:${line}:${column}: ${error.message}${others}`);
}

// A name is taken for itself before it is taken for a glob: `app/[id]/me.graphql` may be either.
async function filesAt(place: string): Promise<string[]> {
  const kind = await stat(place).catch(() => null);
  if (kind?.isFile()) return [join(place)];
  const pattern = kind ? '**' : place;
  const options = { absolute: isAbsolute(pattern), expandDirectories: false, ignore: ['**/node_modules/**'] };
  const matches = await glob([pattern], kind ? { ...options, cwd: place } : options);
  const files = matches.filter((file) => IS_GRAPHQL.test(file));
  if (files.length === 0) {
    throw new OperatorError(
      kind ? `${place} holds no .graphql or .gql file.` : `No .graphql or .gql file matches ${place}.`,
    );
  }
  return files.map((file) => (kind ? join(place, file) : file));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new OperatorError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

function parseFile(file: string, text: string): DocumentNode {
  try {
    checkTokens(text);
    return parse(new Source(text, file));
  } catch (error) {
    if (error instanceof GraphQLError) throw placedError(error);
    if (error instanceof RequestRefused) throw new OperatorError(`${file}: ${error.message}`);
    throw error;
  }
}

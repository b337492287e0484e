import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  specifiedRules,
  validate,
} from 'graphql';
import { RequestRefused } from '../errors.ts';
import { findExcess } from './measure-operation.ts';
import { parseDocument } from './parse-document.ts';
import type { QueryLimits } from './query-limits.ts';
import { type OperationReader, readWithoutVariables } from './read-operation.ts';

/**
 * The operation of a document that is asked about, not run, bounded as a request's is. Throws RequestRefused with the
 * code that a request would be refused with; its messages suggest no names that introspection may be closed to tell.
 */
export function readDocument(
  schema: GraphQLSchema,
  text: string,
  operationName: string | null,
  limits: QueryLimits,
): OperationReader {
  const document = parse(text, limits);
  // Before it is validated, as of a request: that is the dearer part.
  if (!getOperationAST(document, operationName)) {
    throw new RequestRefused('GRAPHQL_VALIDATION_FAILED', whyNoOperation(operationName, document));
  }
  const errors = validate(schema, document, specifiedRules, { hideSuggestions: true });
  if (errors.length > 0) throw new RequestRefused('GRAPHQL_VALIDATION_FAILED', errors.map(withPlace).join('\n'));
  const operation = readWithoutVariables({ schema, document, operationName });
  if (!operation) {
    throw new RequestRefused('GRAPHQL_VALIDATION_FAILED', 'The schema has no operations of this kind.');
  }
  // What variables decide is not known here: nothing of it is refused that a request might be allowed.
  const excess = operation.hasVariables ? null : findExcess(operation, limits);
  if (excess) throw excess;
  return operation;
}

function parse(text: string, limits: QueryLimits): DocumentNode {
  try {
    return parseDocument(text, limits);
  } catch (error) {
    if (error instanceof GraphQLError) throw new RequestRefused('GRAPHQL_PARSE_FAILED', withPlace(error));
    throw error;
  }
}

function withPlace({ message, locations }: GraphQLError): string {
  const [place] = locations ?? [];
  return place ? `${message} (line ${place.line}, column ${place.column})` : message;
}

function whyNoOperation(operationName: string | null, { definitions }: DocumentNode): string {
  if (operationName !== null) return `The document has no operation named ${JSON.stringify(operationName)}.`;
  const operations = definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  if (operations.length > 1) return 'The document has several operations. Say which by operationName.';
  return 'The document has no operation.';
}

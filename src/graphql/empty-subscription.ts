import { type GraphQLNamedType, getOperationAST, OperationTypeNode, type SelectionSetNode } from 'graphql';
import { RequestRefused } from '../errors.ts';
import type { OperationReader, RequestedOperation } from './read-operation.ts';

/**
 * The refusal of a subscription whose field is left out by @skip or @include, or null: there is nothing to wait for, and
 * the executor stumbles over it.
 */
export function findEmptySubscription(
  { document, operationName }: RequestedOperation,
  { root, selectionSet: asked, partsOf }: OperationReader,
): RequestRefused | null {
  if (getOperationAST(document, operationName)?.operation !== OperationTypeNode.SUBSCRIPTION) return null;

  function hasField(type: GraphQLNamedType, selectionSet: SelectionSetNode): boolean {
    return partsOf(type, selectionSet).some((part) =>
      'selectionSet' in part ? hasField(part.type, part.selectionSet) : true,
    );
  }

  if (hasField(root, asked)) return null;
  return new RequestRefused('BAD_REQUEST', 'The subscription asks for no field: @skip or @include leaves it out.');
}

import {
  BREAK,
  type DocumentNode,
  type FragmentDefinitionNode,
  getOperationAST,
  type OperationDefinitionNode,
  OperationTypeNode,
  visit,
} from 'graphql';
import { RequestRefused } from '../errors.ts';
import { fragmentsOf } from './fragments.ts';
import type { RequestedOperation } from './read-operation.ts';

/** The directives by which parts of an answer may come later. */
export const DEFERRING: readonly string[] = ['defer', 'stream'];

/** Whether anything in the document may come later than the rest. */
export function asksForParts(document: DocumentNode): boolean {
  let isFound = false;
  visit(document, {
    Directive({ name }) {
      if (!DEFERRING.includes(name.value)) return;
      isFound = true;
      return BREAK;
    },
  });
  return isFound;
}

/**
 * The refusal of a mutation or subscription that wants its answer in parts, or null. A stream can be cut at any time,
 * and what a mutation has made, such as a key, must not be lost on the way; an event is one thing already.
 */
export function findMisplacedDefer({ document, operationName }: RequestedOperation): RequestRefused | null {
  const operation = getOperationAST(document, operationName);
  if (!operation || operation.operation === OperationTypeNode.QUERY) return null;
  const spread = new Set<string>();

  function isDeferring(node: OperationDefinitionNode | FragmentDefinitionNode): boolean {
    let isFound = false;
    visit(node, {
      Directive({ name }) {
        if (!DEFERRING.includes(name.value)) return;
        isFound = true;
        return BREAK;
      },
      FragmentSpread({ name }) {
        spread.add(name.value);
      },
    });
    return isFound;
  }

  function isDeferringInFragments(): boolean {
    const fragments = fragmentsOf(document);
    // The set grows while it is walked, until each fragment has been seen once.
    for (const name of spread) {
      const fragment = fragments.get(name);
      if (fragment && isDeferring(fragment)) return true;
    }
    return false;
  }

  if (!isDeferring(operation) && !isDeferringInFragments()) return null;
  return new RequestRefused('BAD_REQUEST', `@defer and @stream are for queries: a ${operation.operation} comes whole.`);
}

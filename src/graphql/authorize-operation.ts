import { type GraphQLNamedType, type GraphQLObjectType, getNamedType, type SelectionSetNode } from 'graphql';
import { RequestRefused } from '../errors.ts';
import type { Context } from './context.ts';
import { type AnyField, type RequestedOperation, readOperation } from './read-operation.ts';
import { isWayIn, type Scopes, scopesOf, staticScopesOf } from './scopes.ts';

/** Whether every root field of the operation is a way in; false when there is no such operation. */
export function isWayInOnly(requested: RequestedOperation): boolean {
  const fields = selectedFields(requested).filter(({ isRoot }) => isRoot);
  return fields.length > 0 && fields.every(({ field }) => isWayIn(field));
}

/**
 * Why the whole operation may not run for this viewer, or null. Judged before any resolver runs, by the rules that
 * need no data, so that a mutation never half happens; the fields' own gates stay behind it.
 */
export function findRefusal(requested: RequestedOperation, context: Context): RequestRefused | null {
  const held = scopesOf(context);
  const needed = new Set<keyof Scopes>(
    selectedFields(requested).flatMap(({ parent, field }) => staticScopesOf(parent, field)),
  );
  if ([...needed].every((scope) => held[scope])) return null;
  return context.viewer ? new RequestRefused('FORBIDDEN') : context.credentialsMissing();
}

interface SelectedField {
  parent: GraphQLObjectType;
  field: AnyField;
  isRoot: boolean;
}

/** Every field that the operation can come to run, each once; behind an interface, those of all its implementations. */
function selectedFields(requested: RequestedOperation): SelectedField[] {
  const operation = readOperation(requested);
  if (!operation) return [];
  const { partsOf } = operation;
  const found = new Map<AnyField, SelectedField>();
  // A selection set is judged once for each type that it is met under, so that nothing multiplies.
  const judged = new Map<SelectionSetNode, Set<GraphQLNamedType>>();

  function collect(type: GraphQLNamedType, selectionSet: SelectionSetNode, isRoot: boolean): void {
    const types = judged.get(selectionSet) ?? new Set();
    if (types.has(type)) return;
    judged.set(selectionSet, types.add(type));
    for (const part of partsOf(type, selectionSet)) {
      if ('selectionSet' in part) {
        collect(part.type, part.selectionSet, isRoot);
        continue;
      }
      for (const { parent, field } of part.candidates) {
        found.set(field, { parent, field, isRoot });
        if (part.node.selectionSet) collect(getNamedType(field.type), part.node.selectionSet, false);
      }
    }
  }

  collect(operation.root, operation.selectionSet, true);
  return [...found.values()];
}

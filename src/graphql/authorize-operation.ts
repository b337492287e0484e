import { type GraphQLNamedType, type GraphQLObjectType, getNamedType, type SelectionSetNode } from 'graphql';
import { RequestRefused } from '../errors.ts';
import type { Context } from './context.ts';
import type { AnyField, OperationReader } from './read-operation.ts';
import { isWayIn, type Scopes, scopesOf, staticScopesOf } from './scopes.ts';

/** Whether every root field of the operation is a way in. */
export function isWayInOnly(operation: OperationReader): boolean {
  const fields = selectedFields(operation).filter(({ isRoot }) => isRoot);
  return fields.length > 0 && fields.every(({ field }) => isWayIn(field));
}

/**
 * Why the whole operation may not run for this viewer, or null. Judged before any resolver runs, by the rules that
 * need no data, so that a mutation never half happens; the fields' own gates stay behind it.
 */
export function findRefusal(operation: OperationReader, context: Context): RequestRefused | null {
  const held = scopesOf(context);
  const needed = new Set<keyof Scopes>(
    selectedFields(operation).flatMap(({ parent, field }) => staticScopesOf(parent, field)),
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
function selectedFields({ root, selectionSet: asked, partsOf }: OperationReader): SelectedField[] {
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

  collect(root, asked, true);
  return [...found.values()];
}

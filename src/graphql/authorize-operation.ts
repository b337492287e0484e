import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  GraphQLIncludeDirective,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getDirectiveValues,
  getNamedType,
  getOperationAST,
  getVariableValues,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  typeFromAST,
} from 'graphql';
import { RequestRefused } from '../errors.ts';
import type { Context } from './context.ts';
import { isWayIn, type Scopes, scopesOf, staticScopesOf } from './scopes.ts';

/** An operation about to be executed: as `execute` is given it, variables not yet coerced. */
export interface RequestedOperation {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: Record<string, unknown> | null | undefined;
}

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
  field: GraphQLField<unknown, unknown>;
  isRoot: boolean;
}

/** Every field that the operation can come to run, each once; behind an interface, those of all its implementations. */
function selectedFields({ schema, document, operationName, variableValues }: RequestedOperation): SelectedField[] {
  const operation = getOperationAST(document, operationName);
  const root = operation && schema.getRootType(operation.operation);
  if (!operation || !root) return [];
  const variables = coerceVariables(schema, operation, variableValues ?? {});
  // Variables that do not fit are refused by the execution itself, which runs nothing then.
  if (!variables) return [];
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const found = new Map<GraphQLField<unknown, unknown>, SelectedField>();
  // A selection set is judged once for each type that it is met under, so that nothing multiplies.
  const judged = new Map<SelectionSetNode, Set<GraphQLNamedType>>();

  function collect(type: GraphQLNamedType, selectionSet: SelectionSetNode, isRoot: boolean): void {
    const types = judged.get(selectionSet) ?? new Set();
    if (types.has(type)) return;
    judged.set(selectionSet, types.add(type));
    for (const selection of selectionSet.selections) {
      if (isLeftOut(selection)) continue;
      if (selection.kind === Kind.FIELD) {
        for (const parent of objectTypesOf(type)) {
          const field = parent.getFields()[selection.name.value];
          if (!field) continue;
          found.set(field, { parent, field, isRoot });
          if (selection.selectionSet) collect(getNamedType(field.type), selection.selectionSet, false);
        }
        continue;
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
      if (!fragment) continue;
      const condition = fragment.typeCondition && typeFromAST(schema, fragment.typeCondition);
      collect(condition ?? type, fragment.selectionSet, isRoot);
    }
  }

  function objectTypesOf(type: GraphQLNamedType): readonly GraphQLObjectType[] {
    if (isObjectType(type)) return [type];
    return isCompositeType(type) && isAbstractType(type) ? schema.getPossibleTypes(type) : [];
  }

  function isLeftOut(selection: SelectionNode): boolean {
    return (
      getDirectiveValues(GraphQLSkipDirective, selection, variables)?.if === true ||
      getDirectiveValues(GraphQLIncludeDirective, selection, variables)?.if === false
    );
  }

  collect(root, operation.selectionSet, true);
  return [...found.values()];
}

function coerceVariables(schema: GraphQLSchema, operation: OperationDefinitionNode, given: Record<string, unknown>) {
  return getVariableValues(schema, operation.variableDefinitions ?? [], given).coerced;
}

import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLDirective,
  type GraphQLField,
  GraphQLIncludeDirective,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getArgumentValues,
  getDirectiveValues,
  getOperationAST,
  getVariableValues,
  isAbstractType,
  isObjectType,
  Kind,
  OperationTypeNode,
  type SelectionNode,
  type SelectionSetNode,
  typeFromAST,
} from 'graphql';

/** An operation about to be executed: as `execute` is given it, variables not yet coerced. */
export interface RequestedOperation {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null | undefined;
  variableValues?: Record<string, unknown> | null | undefined;
}

export type AnyField = GraphQLField<unknown, unknown>;

/** One thing that a selection set asks for, @skip and @include considered. */
type Part =
  /** A field, with whatever object type can stand behind the type it is asked of. */
  | { node: FieldNode; candidates: { parent: GraphQLObjectType; field: AnyField }[] }
  | { node: SelectionNode; type: GraphQLNamedType; selectionSet: SelectionSetNode };

export interface OperationReader {
  root: GraphQLObjectType;
  isMutation: boolean;
  /** Whether what it asks for can depend on variables. */
  hasVariables: boolean;
  selectionSet: SelectionSetNode;
  /** What is asked of this type; fragments are parts of their own, so that whoever walks can know them again. */
  partsOf(type: GraphQLNamedType, selectionSet: SelectionSetNode): Part[];
  argumentsOf(field: AnyField, node: FieldNode): Record<string, unknown>;
}

/**
 * What an operation asks for, before it is executed. Null when there is no such operation, or its variables do not
 * fit: then the execution itself refuses it, and runs nothing.
 */
export function readOperation({ variableValues, ...requested }: RequestedOperation): OperationReader | null {
  const { schema, document, operationName } = requested;
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  const variables = getVariableValues(schema, definitions, variableValues ?? {}).coerced;
  return variables ? readWith(variables, requested) : null;
}

/** What an operation can ask for, whatever its variables: a selection that one of them decides on counts as wanted. */
export function readWithoutVariables(asked: Omit<RequestedOperation, 'variableValues'>): OperationReader | null {
  return readWith(null, asked);
}

function readWith(
  variables: Record<string, unknown> | null,
  { schema, document, operationName }: RequestedOperation,
): OperationReader | null {
  const operation = getOperationAST(document, operationName);
  const root = operation && schema.getRootType(operation.operation);
  if (!operation || !root) return null;
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }

  function partsOf(type: GraphQLNamedType, { selections }: SelectionSetNode): Part[] {
    return selections.filter(isWanted).flatMap((selection): Part[] => {
      if (selection.kind === Kind.FIELD) return [{ node: selection, candidates: candidatesFor(type, selection) }];
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
      if (!fragment) return [];
      const condition = fragment.typeCondition && typeFromAST(schema, fragment.typeCondition);
      return [{ node: selection, type: condition ?? type, selectionSet: fragment.selectionSet }];
    });
  }

  function isWanted(selection: SelectionNode): boolean {
    return (
      conditionOf(selection, GraphQLSkipDirective) !== true && conditionOf(selection, GraphQLIncludeDirective) !== false
    );
  }

  function conditionOf(selection: SelectionNode, directive: GraphQLDirective): unknown {
    if (!variables && isDecidedByVariable(selection, directive)) return undefined;
    return getDirectiveValues(directive, selection, variables ?? {})?.if;
  }

  function candidatesFor(type: GraphQLNamedType, node: FieldNode) {
    return objectTypesOf(type).flatMap((parent) => {
      const field = parent.getFields()[node.name.value];
      return field ? [{ parent, field }] : [];
    });
  }

  function objectTypesOf(type: GraphQLNamedType): readonly GraphQLObjectType[] {
    if (isObjectType(type)) return [type];
    return isAbstractType(type) ? schema.getPossibleTypes(type) : [];
  }

  return {
    root,
    isMutation: operation.operation === OperationTypeNode.MUTATION,
    hasVariables: (operation.variableDefinitions ?? []).length > 0,
    selectionSet: operation.selectionSet,
    partsOf,
    argumentsOf: (field, node) => getArgumentValues(field, node, variables ?? {}),
  };
}

function isDecidedByVariable({ directives = [] }: SelectionNode, { name }: GraphQLDirective): boolean {
  return directives.some(
    (node) => node.name.value === name && node.arguments?.some(({ value }) => value.kind === Kind.VARIABLE),
  );
}

import {
  type ArgumentNode,
  BREAK,
  type DocumentNode,
  type FieldNode,
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
  TypeInfo,
  typeFromAST,
  type VariableDefinitionNode,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { fragmentsOf } from './fragments.ts';
import { pageRuleOf } from './page.ts';

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
  /** What this finds in the operation; found once, where the operation is read again and its variables decide on nothing. */
  once<Found>(find: (operation: OperationReader) => Found): Found;
}

/**
 * What an operation asks for, before it is executed. Null when there is no such operation, or its variables do not
 * fit: then the execution itself refuses it, and runs nothing.
 */
export function readOperation(requested: RequestedOperation): OperationReader | null {
  const { definitions, lasting } = keptOf(requested);
  if (definitions.length === 0) return lasting;
  const variables = getVariableValues(requested.schema, definitions, requested.variableValues ?? {}).coerced;
  return variables ? (lasting ?? readWith(variables, requested)) : null;
}

interface KeptOperation {
  schema: GraphQLSchema;
  definitions: readonly VariableDefinitionNode[];
  /** Null where there is no such operation, or its variables decide on what it asks for. */
  lasting: OperationReader | null;
}

/** By document and name: whoever keeps a document has it read once. */
const kept = new WeakMap<DocumentNode, Map<string | null, KeptOperation>>();

function keptOf(requested: Omit<RequestedOperation, 'variableValues'>): KeptOperation {
  const { schema, document } = requested;
  const operationName = requested.operationName ?? null;
  const operations = kept.get(document) ?? new Map<string | null, KeptOperation>();
  const known = operations.get(operationName);
  if (known?.schema === schema) return known;
  const operation = getOperationAST(document, operationName);
  const definitions = operation?.variableDefinitions ?? [];
  const isDecided = definitions.length > 0 && isDecidedByVariables(schema, document);
  const read = { schema, definitions, lasting: operation && !isDecided ? readWith({}, requested) : null };
  // Names that no operation has are the callers' to make up.
  if (operation) kept.set(document, operations.set(operationName, read));
  return read;
}

/** Whether variables decide on what an operation asks for, or on how large its pages are. */
function isDecidedByVariables(schema: GraphQLSchema, document: DocumentNode): boolean {
  const types = new TypeInfo(schema);
  let isFound = false;
  const hasVariable = (nodes: readonly ArgumentNode[] = []) =>
    nodes.some(({ value }) => JSON.stringify(value).includes(Kind.VARIABLE));
  visit(
    document,
    visitWithTypeInfo(types, {
      enter(node) {
        if (node.kind === Kind.DIRECTIVE) isFound ||= hasVariable(node.arguments);
        const field = node.kind === Kind.FIELD && types.getFieldDef();
        if (node.kind === Kind.FIELD && field && pageRuleOf(field)) isFound ||= hasVariable(node.arguments);
        return isFound ? BREAK : undefined;
      },
    }),
  );
  return isFound;
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
  const fragments = fragmentsOf(document);

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

  const found = new Map<unknown, unknown>();
  const reader: OperationReader = {
    root,
    isMutation: operation.operation === OperationTypeNode.MUTATION,
    hasVariables: (operation.variableDefinitions ?? []).length > 0,
    selectionSet: operation.selectionSet,
    partsOf,
    argumentsOf: (field, node) => getArgumentValues(field, node, variables ?? {}),
    once<Found>(find: (operation: OperationReader) => Found): Found {
      if (!found.has(find)) found.set(find, find(reader));
      return found.get(find) as Found;
    },
  };
  return reader;
}

function isDecidedByVariable({ directives = [] }: SelectionNode, { name }: GraphQLDirective): boolean {
  return directives.some(
    (node) => node.name.value === name && node.arguments?.some(({ value }) => value.kind === Kind.VARIABLE),
  );
}

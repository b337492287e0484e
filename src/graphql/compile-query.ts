import { normalizedExecutor } from '@graphql-tools/executor';
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type FieldNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  isLeafType,
  isObjectType,
  Kind,
  OperationTypeNode,
  type SelectionSetNode,
} from 'graphql';
import { type Promptly, whenThere } from '../promptly.ts';
import type { Context } from './context.ts';
import { fragmentsOf } from './fragments.ts';

/** What compiles queries. To load it takes a tenth of a start, and nothing is compiled before somebody asks again. */
export function loadCompiler() {
  return import('graphql-jit');
}

export type Compiler = Awaited<ReturnType<typeof loadCompiler>>;

/** Executes one query of a document. */
export type CompiledQuery = (
  context: Context,
  variables: Record<string, unknown> | null | undefined,
) => Promptly<ExecutionResult>;

/** What a query may come to, fragments counted as often as they are spread: what is compiled has each field for itself. */
const MOST_FIELDS = 100;

/** The query as a function that interprets it, as Yoga's executor does. */
export function interpretQuery(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null,
): CompiledQuery {
  return (contextValue, variables) => {
    const args: ExecutionArgs = { schema, document, operationName, contextValue, variableValues: variables ?? {} };
    return normalizedExecutor(args) as Promptly<ExecutionResult>;
  };
}

/**
 * The query compiled, which takes some milliseconds; null where it is to be interpreted. Left to that is all in which
 * graphql-jit 0.8 differs from other executors: directives (a fragment that is left out once is left out wherever it is
 * spread), types that are told apart as they come, variables that have defaults, names of Object.prototype.
 */
export function compileQuery(
  { compileQuery: compile, isCompiledQuery }: Compiler,
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null,
): CompiledQuery | null {
  if (!isCompilable(schema, document, operationName)) return null;
  const compiled = compile(schema, document, operationName ?? undefined);
  if (!isCompiledQuery(compiled)) return null;
  const interpret = interpretQuery(schema, document, operationName);
  return (context, variables) => {
    // Which of several errors is told, and what becomes of the data beside it, is for one executor to say. A query may
    // be run again: it changes nothing.
    const settle = (result: ExecutionResult) => (result.errors ? interpret(context, variables) : result);
    try {
      return whenThere(compiled.query(undefined, context, variables), settle);
    } catch {
      return interpret(context, variables);
    }
  };
}

function isCompilable(schema: GraphQLSchema, document: DocumentNode, operationName: string | null): boolean {
  const operation = getOperationAST(document, operationName);
  const root = operation?.operation === OperationTypeNode.QUERY ? schema.getQueryType() : null;
  if (!operation || !root || operation.variableDefinitions?.some(({ defaultValue }) => defaultValue)) return false;
  const fragments = fragmentsOf(document);
  let left = MOST_FIELDS;

  function isPlain(type: GraphQLObjectType, { selections }: SelectionSetNode): boolean {
    return selections.every((node) => {
      left -= 1;
      if (left < 0 || (node.directives?.length ?? 0) > 0) return false;
      if (node.kind === Kind.FIELD) return isPlainField(type, node);
      const fragment = node.kind === Kind.FRAGMENT_SPREAD ? fragments.get(node.name.value) : node;
      const condition = fragment?.typeCondition?.name.value;
      return !!fragment && (!condition || condition === type.name) && isPlain(type, fragment.selectionSet);
    });
  }

  function isPlainField(parent: GraphQLObjectType, { name, alias, selectionSet }: FieldNode): boolean {
    if ((alias ?? name).value in Object.prototype) return false;
    const field = parent.getFields()[name.value];
    // Besides, what asks about the schema.
    if (!field) return name.value === '__typename';
    const type = getNamedType(field.type);
    return isLeafType(type) || (isObjectType(type) && !!selectionSet && isPlain(type, selectionSet));
  }

  return isPlain(root, operation.selectionSet);
}

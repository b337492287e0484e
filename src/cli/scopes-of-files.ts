import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  NoUnusedFragmentsRule,
  type OperationDefinitionNode,
  specifiedRules,
  validate,
  visit,
} from 'graphql';
import { fewestAlternatives } from '../auth/scope.ts';
import { OperatorError, RequestRefused } from '../errors.ts';
import { rulesOf, scopesNeeded } from '../graphql/authorize-operation.ts';
import type { Caller, Rule } from '../graphql/judge-rules.ts';
import { readWithoutVariables } from '../graphql/read-operation.ts';
import { schema } from '../graphql/schema.ts';
import { placedError, readGraphQLFiles } from './graphql-files.ts';

export interface ScopesOfFiles {
  operations: {
    file: string;
    /** Null: it has no name. */
    operation: string | null;
    /** Alternatives, each of scopes that are needed together; none: it needs nothing. */
    scopes: string[][];
  }[];
  /** What all of them together need, likewise. */
  scopes: string[][];
  /** Files that define types and nothing else, and so need nothing. */
  schemas: string[];
}

/**
 * What a token needs for all operations of these files, folders and globs. An operation's fragments may stand in any of
 * them. Throws OperatorError for what the schema does not know, with its place.
 */
export async function scopesOfFiles(
  places: readonly string[],
  registration: Caller['registration'],
): Promise<ScopesOfFiles> {
  const { documents, schemas } = await readGraphQLFiles(places);
  const fragments = fragmentsIn([...documents.values()]);
  const found = [...documents].flatMap(([file, document]) => {
    const whole = withFragments(document, fragments);
    check(whole);
    return operationsIn(document).map((node) => ({ file, node, rules: rulesOfOperation(whole, node) }));
  });
  if (found.length === 0) throw new OperatorError(`No operation stands in ${places.join(', ')}.`);
  const needed = (rules: readonly Rule[]) => fewestAlternatives(scopesNeeded(rules, { viewer: null, registration }));
  try {
    return {
      operations: found.map(({ file, node, rules }) => ({
        file,
        operation: node.name?.value ?? null,
        scopes: needed(rules),
      })),
      scopes: needed(found.flatMap(({ rules }) => rules)),
      schemas,
    };
  } catch (error) {
    if (error instanceof RequestRefused) throw new OperatorError(error.message);
    throw error;
  }
}

function operationsIn({ definitions }: DocumentNode): OperationDefinitionNode[] {
  return definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
}

function fragmentsIn(documents: readonly DocumentNode[]): Map<string, FragmentDefinitionNode> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of documents.flatMap(({ definitions }) => definitions)) {
    if (node.kind !== Kind.FRAGMENT_DEFINITION) continue;
    const name = node.name.value;
    const before = fragments.get(name)?.loc?.source.name;
    if (before !== undefined) {
      throw placedError(new GraphQLError(`There is a fragment named ${name} in ${before} already.`, { nodes: node }));
    }
    fragments.set(name, node);
  }
  return fragments;
}

/** The document with whatever fragments of other files it comes to use. */
function withFragments(document: DocumentNode, fragments: ReadonlyMap<string, FragmentDefinitionNode>): DocumentNode {
  const definitions = new Set(document.definitions);
  // A set that grows is walked to its new end.
  for (const definition of definitions) {
    visit(definition, {
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value);
        if (fragment) definitions.add(fragment);
      },
    });
  }
  return { ...document, definitions: [...definitions] };
}

function check(document: DocumentNode): void {
  // A file may hold fragments alone, for others to use.
  const rules = specifiedRules.filter((rule) => rule !== NoUnusedFragmentsRule);
  const [error, ...others] = validate(schema, document, rules);
  if (error) throw placedError(error, others.length);
}

function rulesOfOperation(document: DocumentNode, node: OperationDefinitionNode): Rule[] {
  const operation = readWithoutVariables({ schema, document, operationName: node.name?.value });
  if (operation) return rulesOf(operation);
  throw placedError(new GraphQLError(`The schema has no ${node.operation}s.`, { nodes: node }));
}

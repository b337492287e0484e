import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
} from 'graphql';
import { RequestRefused } from '../errors.ts';
import { checkNesting } from './check-tokens.ts';
import { fragmentsOf } from './fragments.ts';
import { tooComplex } from './query-limits.ts';

/** What an operation or fragment comes to, each fragment counted where and as often as it is spread. */
export interface DocumentMeasure {
  /** Fields within one another. */
  depth: number;
  aliases: number;
  directives: number;
  /** Selection sets within one another, those of fragments, too. */
  levels: number;
}

const NOTHING: DocumentMeasure = { depth: 0, aliases: 0, directives: 0, levels: 0 };

/**
 * The most that any operation or fragment of the document comes to. It need not be valid: what is not there counts
 * nothing, nor does a fragment within itself. Throws RequestRefused where it nests too deep to be gone through.
 */
export function measureDocument(document: DocumentNode): DocumentMeasure {
  const fragments = fragmentsOf(document);
  // Each fragment is measured once, however often it is spread: they double and double again.
  const measured = new Map<FragmentDefinitionNode, DocumentMeasure>();

  function measureFragment(node: FragmentDefinitionNode, above: number): DocumentMeasure {
    const known = measured.get(node);
    if (known) return known;
    // Until it is measured: it may come upon itself.
    measured.set(node, NOTHING);
    const measure = measureNode(node, above);
    measured.set(node, measure);
    return measure;
  }

  function measureNode(
    {
      directives = [],
      selectionSet,
    }:
      | FragmentDefinitionNode
      | OperationDefinitionNode
      | (SelectionNode & { selectionSet?: FieldNode['selectionSet'] }),
    above: number,
  ): DocumentMeasure {
    const sum = { ...NOTHING, directives: directives.length };
    if (!selectionSet) return sum;
    checkNesting(above + 1);
    refuseRepeated(selectionSet.selections);
    for (const selection of selectionSet.selections) {
      const { depth, aliases, directives, levels } = measureSelection(selection, above + 1);
      sum.depth = Math.max(sum.depth, depth);
      sum.aliases += aliases;
      sum.directives += directives;
      sum.levels = Math.max(sum.levels, levels);
    }
    sum.levels += 1;
    return sum;
  }

  function measureSelection(node: SelectionNode, above: number): DocumentMeasure {
    const measure = measureNode(node, above);
    if (node.kind === Kind.FIELD) {
      refuseAliasesWithin(node, measure);
      return { ...measure, depth: measure.depth + 1, aliases: measure.aliases + (node.alias ? 1 : 0) };
    }
    const fragment = node.kind === Kind.FRAGMENT_SPREAD ? fragments.get(node.name.value) : undefined;
    if (!fragment) return measure;
    const below = measureFragment(fragment, above);
    return { ...below, directives: below.directives + measure.directives };
  }

  const most = { ...NOTHING };
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION && node.kind !== Kind.FRAGMENT_DEFINITION) continue;
    const measure = node.kind === Kind.FRAGMENT_DEFINITION ? measureFragment(node, 0) : measureNode(node, 0);
    const variables = node.variableDefinitions ?? [];
    const ofVariables = variables.reduce((sum, { directives = [] }) => sum + directives.length, 0);
    most.depth = Math.max(most.depth, measure.depth);
    most.aliases = Math.max(most.aliases, measure.aliases);
    most.directives = Math.max(most.directives, measure.directives + ofVariables);
    most.levels = Math.max(most.levels, measure.levels);
  }
  // A fragment that was measured before is not gone through again by whoever spreads it.
  checkNesting(most.levels);
  return most;
}

/** In one place, with fields of their own: validation compares each with every other, all the way down. */
const MOST_ALIKE = 50;

function refuseRepeated(selections: readonly SelectionNode[]): void {
  if (selections.length <= MOST_ALIKE) return;
  const counts = new Map<string, number>();
  for (const node of selections) {
    if (node.kind !== Kind.FIELD || !node.selectionSet) continue;
    const key = (node.alias ?? node.name).value;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count > MOST_ALIKE) {
      throw tooComplex(
        `The operation asks for the field ${key.slice(0, 100)} more than ${MOST_ALIKE} times in one place. Ask for it once.`,
        { found: null, limit: MOST_ALIKE },
      );
    }
  }
}

// Types list fields, which have types: with aliases, what introspection comes to is multiplied at every step.
function refuseAliasesWithin({ name, alias }: FieldNode, { aliases }: DocumentMeasure): void {
  if (name.value !== '__schema' && name.value !== '__type') return;
  if (aliases === 0 && !(alias && name.value === '__schema')) return;
  throw new RequestRefused('OPERATION_TOO_COMPLEX', 'Introspection takes no aliases: ask for each of its fields once.');
}

import { type GraphQLNamedType, getNamedType, type SelectionNode, type SelectionSetNode } from 'graphql';
import { RequestRefused } from '../errors.ts';
import { DEFERRING } from './incremental-delivery.ts';
import { type PageArguments, pageRuleOf, sizeOf } from './page.ts';
import { figure, type QueryLimits, tooComplex } from './query-limits.ts';
import type { OperationReader } from './read-operation.ts';

/** What a part that comes later costs more than its values: each is kept, waited for and wrapped by itself. */
const VALUES_A_LATER_PART = 50;

/**
 * Why the operation is too large, or asks for a page that cannot be, or null. Told before any resolver runs: of a
 * mutation that is refused for it nothing has happened, and what a small document multiplies into is never fetched.
 */
export function findExcess(
  operation: OperationReader,
  { values: limit }: Pick<QueryLimits, 'values'>,
): RequestRefused | null {
  const values = operation.once(measureValues);
  if (typeof values !== 'number') return values;
  if (values <= limit) return null;
  return tooComplex(
    `The operation can come to ${figure(values)} values; ${figure(limit)} are allowed. ` +
      'Ask for smaller pages, or for fewer of them within one another.',
    { found: values, limit },
  );
}

/** How many values the operation can come to, or why it asks for what cannot be. */
function measureValues({ root, selectionSet: asked, partsOf, argumentsOf }: OperationReader): number | RequestRefused {
  // What a selection set comes to depends on nothing above it: each is measured once a type, however often it is used.
  const measured = new Map<SelectionSetNode, Map<GraphQLNamedType, number>>();

  function valuesOf(type: GraphQLNamedType, selectionSet: SelectionSetNode): number {
    const known = measured.get(selectionSet) ?? new Map<GraphQLNamedType, number>();
    measured.set(selectionSet, known);
    const before = known.get(type);
    if (before !== undefined) return before;
    let sum = 0;
    for (const part of partsOf(type, selectionSet)) {
      if ('selectionSet' in part) {
        sum += valuesOf(part.type, part.selectionSet) + surchargeOf(part.node);
        continue;
      }
      const { node, candidates } = part;
      const values = candidates.map(({ field }) => {
        const rule = pageRuleOf(field);
        const page: PageArguments = rule ? argumentsOf(field, node) : {};
        rule?.check(page);
        const below = node.selectionSet ? valuesOf(getNamedType(field.type), node.selectionSet) : 0;
        return 1 + (rule ? sizeOf(page) : 1) * below;
      });
      sum += Math.max(1, ...values) + surchargeOf(node);
    }
    known.set(type, sum);
    return sum;
  }

  try {
    return valuesOf(root, asked);
  } catch (error) {
    if (error instanceof RequestRefused) return error;
    throw error;
  }
}

function surchargeOf({ directives = [] }: SelectionNode): number {
  return directives.some(({ name }) => DEFERRING.includes(name.value)) ? VALUES_A_LATER_PART : 0;
}

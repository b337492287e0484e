import { type GraphQLNamedType, type GraphQLObjectType, getNamedType, type SelectionSetNode } from 'graphql';
import type { ScopeRequirement } from '../auth/scope.ts';
import type { RequestRefused } from '../errors.ts';
import type { Context } from './context.ts';
import { type Caller, forbidden, lackUnder, type Rule, requirementUnder, together } from './judge-rules.ts';
import type { AnyField, OperationReader } from './read-operation.ts';
import { dataRuleOf, isWayIn, staticRulesOf } from './rules.ts';

/** Whether every root field of the operation is a way in. */
export function isWayInOnly(operation: OperationReader): boolean {
  const fields = selectedFields(operation).filter(({ isRoot }) => isRoot);
  return fields.length > 0 && fields.every(({ field }) => isWayIn(field));
}

/**
 * Why the whole operation may not run for this viewer, or null. Judged before any resolver runs, by the rules that
 * need no data, so that a mutation never half happens; the fields' own gates stay behind it. A refusal for want of
 * scopes names all that the operation lacks. Throws RequestRefused when that is too much to tell.
 */
export function findRefusal(operation: OperationReader, context: Context): RequestRefused | null {
  const lacks = rulesOf(operation).map((rule) => lackUnder(rule, context));
  if (lacks.includes('standing')) return context.viewer ? forbidden(null) : context.credentialsMissing();
  const lacking = lacks.filter((lack): lack is ScopeRequirement => lack !== null && lack !== 'standing');
  return lacking.length > 0 ? forbidden(together(lacking)) : null;
}

/** The scopes that the operation needs as a whole: of this viewer, whatever his token holds, or, without one, of any. */
export function scopesNeeded(operation: OperationReader, caller: Caller): ScopeRequirement {
  return together(rulesOf(operation).map((rule) => requirementUnder(rule, caller)));
}

/** Whether a stranger may run all of the operation. */
export function isPublic(operation: OperationReader, { registration }: Pick<Caller, 'registration'>): boolean {
  return rulesOf(operation).every((rule) => lackUnder(rule, { viewer: null, registration }) === null);
}

/** The rules that bind the operation as a whole, each as often as a field declares it. */
function rulesOf(operation: OperationReader): Rule[] {
  return selectedFields(operation).flatMap(({ parent, field, isAdmitted }) => {
    const rules = staticRulesOf(parent, field);
    const dataRule = dataRuleOf(field);
    // Whoever proves himself in this very operation needs no scopes for what is his; the field itself will know.
    return dataRule && !isAdmitted ? [...rules, dataRule] : rules;
  });
}

interface SelectedField {
  parent: GraphQLObjectType;
  field: AnyField;
  isRoot: boolean;
  /** Whether it is asked for behind ways in alone. */
  isAdmitted: boolean;
}

/** Every field that the operation can come to run, each once; behind an interface, those of all its implementations. */
function selectedFields({ root, selectionSet: asked, partsOf }: OperationReader): SelectedField[] {
  const found = new Map<AnyField, SelectedField>();
  // A selection set is judged once for each type that it is met under, and once behind ways in: nothing multiplies.
  const judged = { true: new Map(), false: new Map() } as Record<
    `${boolean}`,
    Map<SelectionSetNode, Set<GraphQLNamedType>>
  >;

  function collect(type: GraphQLNamedType, selectionSet: SelectionSetNode, isRoot: boolean, isAdmitted: boolean): void {
    const types = judged[`${isAdmitted}`].get(selectionSet) ?? new Set();
    if (types.has(type)) return;
    judged[`${isAdmitted}`].set(selectionSet, types.add(type));
    for (const part of partsOf(type, selectionSet)) {
      if ('selectionSet' in part) {
        collect(part.type, part.selectionSet, isRoot, isAdmitted);
        continue;
      }
      for (const { parent, field } of part.candidates) {
        const isBehindWayIn = isAdmitted || (isRoot && isWayIn(field));
        found.set(field, {
          parent,
          field,
          isRoot,
          isAdmitted: isBehindWayIn && (found.get(field)?.isAdmitted ?? true),
        });
        if (part.node.selectionSet) collect(getNamedType(field.type), part.node.selectionSet, false, isBehindWayIn);
      }
    }
  }

  collect(root, asked, true, false);
  return [...found.values()];
}

import {
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isObjectType,
  type SelectionSetNode,
} from 'graphql';
import type { ScopeRequirement } from '../auth/scope.ts';
import type { RequestRefused } from '../errors.ts';
import type { Context } from './context.ts';
import {
  type Caller,
  type DataRule,
  lackUnder,
  type Rule,
  refusalUnder,
  requirementUnder,
  together,
} from './judge-rules.ts';
import type { AnyField, OperationReader } from './read-operation.ts';
import { dataRuleOf, isWayIn, needsBrowserProof, rulesByTypeOf, staticRulesOf } from './rules.ts';

/** Whether every root field of the operation is a way in. */
export function isWayInOnly(operation: OperationReader): boolean {
  const roots = rootFieldsOf(operation);
  return roots.length > 0 && roots.every(isWayIn);
}

/** Whether the operation has a root field that a page of another site must not be able to ask for. */
export function asksForBrowserProof(operation: OperationReader): boolean {
  return rootFieldsOf(operation).some(needsBrowserProof);
}

function rootFieldsOf(operation: OperationReader): AnyField[] {
  return operation.once(findRootFields);
}

function findRootFields(operation: OperationReader): AnyField[] {
  return selectedFields(operation).flatMap(({ field, isRoot }) => (isRoot ? [field] : []));
}

/**
 * Why the whole operation may not run for this viewer, or null. Judged before any resolver runs, by the rules that
 * need no data, so that a mutation never half happens; the fields' own gates stay behind it. A refusal for want of
 * scopes names all that the operation lacks. Throws RequestRefused when that is too much to tell.
 */
export function findRefusal(operation: OperationReader, context: Context): RequestRefused | null {
  return refusalUnder(rulesOf(operation), context);
}

/** The scopes that rules need together: of this viewer, whatever his token holds, or, without one, of any. */
export function scopesNeeded(rules: readonly Rule[], caller: Caller): ScopeRequirement {
  return together(rules.map((rule) => requirementUnder(rule, caller)));
}

/** Whether these rules let a stranger pass. */
export function isPublic(rules: readonly Rule[], { registration }: Pick<Caller, 'registration'>): boolean {
  return rules.every((rule) => lackUnder(rule, { viewer: null, registration }) === null);
}

/** The rules that bind the operation as a whole, each as often as a field declares it. */
export function rulesOf(operation: OperationReader): Rule[] {
  return operation.once(findRules);
}

function findRules(operation: OperationReader): Rule[] {
  return selectedFields(operation).flatMap(({ parent, field, isAdmitted, types }) => {
    const byType = [...types].flatMap((type) => rulesByTypeOf(field)?.get(type) ?? []);
    const dataRule = dataRuleOf(field);
    // Whoever proves himself in this very operation needs no scopes for what is his; the field itself will know.
    const ofData = dataRule && !isAdmitted ? [operation.isMutation ? ifOwn(dataRule) : dataRule] : [];
    return [...staticRulesOf(parent, field), ...byType, ...ofData];
  });
}

// What a mutation gives back is the caller's own: where its token cannot read that, it must not have been done.
function ifOwn({ parameter: { own } }: DataRule): Rule {
  return { name: 'scopesOfViewer', parameter: [own] };
}

interface SelectedField {
  parent: GraphQLObjectType;
  field: AnyField;
  isRoot: boolean;
  /** Whether it is asked for behind ways in alone. */
  isAdmitted: boolean;
  /** Names of the object types that rows are wanted of, where the field has rules by type and fragments say so. */
  types: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/** Every field that the operation can come to run, each once; behind an interface, those of all its implementations. */
function selectedFields(operation: OperationReader): SelectedField[] {
  return operation.once(findSelectedFields);
}

function findSelectedFields(operation: OperationReader): SelectedField[] {
  const { root, selectionSet: asked, partsOf } = operation;
  const typesNamedIn = fragmentTypes(operation);
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
        const before = found.get(field);
        const isBehindWayIn = isAdmitted || (isRoot && isWayIn(field));
        const below = part.node.selectionSet;
        const named = below && rulesByTypeOf(field) ? typesNamedIn(getNamedType(field.type), below) : NONE;
        const types = before ? new Set([...before.types, ...named]) : named;
        found.set(field, { parent, field, isRoot, isAdmitted: isBehindWayIn && (before?.isAdmitted ?? true), types });
        if (below) collect(getNamedType(field.type), below, false, isBehindWayIn);
      }
    }
  }

  collect(root, asked, true, false);
  return [...found.values()];
}

/** Tells the object types that the fragments of a selection set name; each set is looked through once. */
function fragmentTypes({ partsOf }: OperationReader) {
  const known = new Map<SelectionSetNode, Set<string>>();
  return function typesNamedIn(type: GraphQLNamedType, selectionSet: SelectionSetNode): Set<string> {
    const before = known.get(selectionSet);
    if (before) return before;
    const names = new Set<string>();
    known.set(selectionSet, names);
    for (const part of partsOf(type, selectionSet)) {
      if (!('selectionSet' in part)) continue;
      const named = isObjectType(part.type) ? [part.type.name] : typesNamedIn(part.type, part.selectionSet);
      for (const name of named) names.add(name);
    }
    return names;
  };
}

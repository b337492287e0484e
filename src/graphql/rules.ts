import type { GraphQLField, GraphQLObjectType } from 'graphql';
import type { ScopeRequirement } from '../auth/scope.ts';
import { type Context, canSee } from './context.ts';
import type { DataRule, Rule } from './judge-rules.ts';
import type { Scope } from './scopes.ts';

/** What a row that belongs to a user asks for. */
export interface OwnOrStaffScopes {
  /** What a token needs for what is its user's own. */
  own: readonly Scope[];
  /** What it needs, if its user is staff, for what belongs to others. */
  others: readonly Scope[];
}

/** On a field: for signed-in callers whose token has all of these scopes. */
export function needs(...scopes: [Scope, ...Scope[]]) {
  return { authScopes: { scopes: [scopes.map(({ name }) => name)] } };
}

/** On a field: for signed-in callers whose token has one of these scopes, each of which opens a part of it. */
export function needsEither(...scopes: [Scope, ...Scope[]]) {
  return { authScopes: { scopes: scopes.map(({ name }) => [name]) } };
}

/** As `needs`, for staff alone. */
export function staffNeeds(...scopes: [Scope, ...Scope[]]) {
  return { authScopes: { isStaff: true, ...needs(...scopes).authScopes } };
}

/**
 * On a field that gives rows of several types: what each of them asks for, where the operation says by a fragment which
 * it wants. The rows that belong to nobody he may see are for the field to keep back.
 */
export function asksByType(types: Record<string, OwnOrStaffScopes>) {
  const rules = Object.entries(types).map(([type, scopes]): [string, DataRule] => [type, dataRule(scopes)]);
  return { extensions: { rulesByType: new Map(rules) } };
}

/** On a root field: open to anybody. Without it, or rules of its own, a root field asks for a signed-in viewer. */
export const publicField = { skipTypeScopes: true } as const;

/**
 * On a root field: a way in, open to anybody, where credentials that are no good count as none, so that a stale
 * header can never lock a client out.
 */
export const wayIn = { ...publicField, extensions: { isWayIn: true } } as const;

/** As `wayIn`, for browsers: the request must prove that no page of another site has made it. */
export const browserWayIn = { ...publicField, extensions: { isWayIn: true, needsBrowserProof: true } } as const;

const DATA_RULE = Symbol('data rule');

/** Whether a field of this row is open to the caller: to him or not, or with these scopes of his token. */
type RowVerdict = boolean | { scopes: ScopeRequirement };

/** What a field asks for when it has its row. */
export type RowRule<Parent = unknown, Args = unknown> = (parent: Parent, args: Args, context: Context) => RowVerdict;

/**
 * On a field of a row that belongs to a user: shown to that user and to staff, if their token has the scopes. Whoever
 * has just proved himself by logging in or registering needs none. It needs the row, so it is judged at the field.
 */
export function ownOrStaff<Parent>(ownerId: (parent: Parent) => string, scopes: OwnOrStaffScopes) {
  const rule = dataRule(scopes);
  const { own, others } = rule.parameter;
  function mayRead(parent: Parent, _args: unknown, context: Context): RowVerdict {
    const owner = ownerId(parent);
    if (context.admitted.has(owner)) return true;
    if (!canSee(context, owner)) return false;
    return { scopes: [context.viewer?.user.id === owner ? own : others] };
  }
  return Object.assign(mayRead, { [DATA_RULE]: rule });
}

/** What this field asks for where an operation wants rows of a type of it, by the type's name; null when it says none. */
export function rulesByTypeOf({ extensions }: GraphQLField<unknown, unknown>): ReadonlyMap<string, DataRule> | null {
  return (extensions.rulesByType as ReadonlyMap<string, DataRule> | undefined) ?? null;
}

/** The rule that this field judges by its data, or null when it has none. Throws when it has no name. */
export function dataRuleOf(field: GraphQLField<unknown, unknown>): DataRule | null {
  const { authScopes } = pothosOptionsOf(field);
  if (typeof authScopes !== 'function') return null;
  const rule = (authScopes as { [DATA_RULE]?: DataRule })[DATA_RULE];
  if (!rule) throw new Error(`The rule of ${field.name} is a function without a name: make it with ownOrStaff.`);
  return rule;
}

export function isWayIn(field: GraphQLField<unknown, unknown>): boolean {
  return field.extensions.isWayIn === true;
}

export function needsBrowserProof(field: GraphQLField<unknown, unknown>): boolean {
  return field.extensions.needsBrowserProof === true;
}

/** The rules that need no data: those of the field itself and, on a root type, of the type unless it skips them. */
export function staticRulesOf(parent: GraphQLObjectType, field: GraphQLField<unknown, unknown>): Rule[] {
  return declaredRules(parent.name, pothosOptionsOf(parent), pothosOptionsOf(field)).rules;
}

/** What Pothos is told of the type of this name, and of a field of it. */
export function declaredRules(
  typeName: string,
  ofType: DeclaredRules,
  { authScopes, skipTypeScopes = false }: DeclaredRules,
): { rules: Rule[]; rowRule: RowRule | null } {
  // It would be enforced and shown nowhere.
  if (typeof ofType.authScopes === 'function') throw new Error(`The rule of ${typeName} must not be a function.`);
  return {
    rules: [...(skipTypeScopes ? [] : rulesIn(ofType.authScopes)), ...rulesIn(authScopes)],
    rowRule: typeof authScopes === 'function' ? (authScopes as RowRule) : null,
  };
}

function dataRule({ own, others }: OwnOrStaffScopes): DataRule {
  return {
    name: 'ownOrStaff',
    parameter: { own: own.map(({ name }) => name), others: others.map(({ name }) => name) },
  };
}

export interface DeclaredRules {
  authScopes?: unknown;
  skipTypeScopes?: boolean;
}

function pothosOptionsOf({ extensions }: { extensions: Readonly<Record<string, unknown>> }): DeclaredRules {
  return (extensions.pothosOptions ?? {}) as DeclaredRules;
}

// A rule that is a function depends on data, and is judged at the field.
function rulesIn(authScopes: unknown): Rule[] {
  if (authScopes === null || typeof authScopes !== 'object') return [];
  return Object.entries(authScopes).map(([name, parameter]) => ({ name, parameter }) as Rule);
}

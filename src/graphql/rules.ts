import type { GraphQLField, GraphQLObjectType } from 'graphql';
import { lackingOf, type ScopeRequirement } from '../auth/scope.ts';
import { isStaff, type Viewer } from '../auth/viewer.ts';
import { RequestRefused } from '../errors.ts';
import { type Context, canSee } from './context.ts';
import { type Scope, usersWrite } from './scopes.ts';

/** The rules a field can declare in `authScopes`; several mean all of them. */
export interface Rules {
  isAuthenticated: boolean;
  isStaff: boolean;
  isSuperuser: boolean;
  /** Anybody where registration is open, else staff. */
  mayRegister: boolean;
  /** A signed-in caller whose token has these scopes: see `needs`. */
  scopes: ScopeRequirement;
  /** As `scopes`, of whoever is signed in; open to strangers. */
  scopesOfViewer: ScopeRequirement;
}

/** A rule as a field declares it. */
export type Rule = { [Name in keyof Rules]: { name: Name; parameter: Rules[Name] } }[keyof Rules];

/** What a caller lacks under a rule: nothing, what he is, or scopes of his token. */
export type Lack = null | 'standing' | ScopeRequirement;

/** What the caller lacks under this rule, the one place where that is decided. */
export function lackUnder({ name, parameter }: Rule, context: Pick<Context, 'viewer' | 'registration'>): Lack {
  const { viewer, registration } = context;
  switch (name) {
    case 'isAuthenticated':
      return viewer ? null : 'standing';
    case 'isStaff':
      return isStaff(viewer) ? null : 'standing';
    case 'isSuperuser':
      return viewer?.user.isSuperuser ? null : 'standing';
    case 'scopes':
      return viewer ? lackInScopes(viewer, parameter) : 'standing';
    case 'scopesOfViewer':
      return viewer ? lackInScopes(viewer, parameter) : null;
    case 'mayRegister':
      if (registration === 'open') return null;
      return viewer && isStaff(viewer) ? lackInScopes(viewer, [[usersWrite.name]]) : 'standing';
  }
}

function lackInScopes(viewer: Viewer, requirement: ScopeRequirement): Lack {
  const lacking = lackingOf(heldScopes(viewer), requirement);
  return lacking.length > 0 ? lacking : null;
}

/** What the viewer's credential may do; a way in that knows no scopes is bound by none. */
export function heldScopes({ token }: Viewer): readonly string[] {
  return token?.scopes ?? ['*'];
}

/** The rules as Pothos' scope-auth asks for them, field by field. */
export function ruleLoaders(context: Context) {
  const passes = (rule: Rule) => lackUnder(rule, context) === null;
  return {
    isAuthenticated: passes({ name: 'isAuthenticated', parameter: true }),
    isStaff: passes({ name: 'isStaff', parameter: true }),
    isSuperuser: passes({ name: 'isSuperuser', parameter: true }),
    mayRegister: passes({ name: 'mayRegister', parameter: true }),
    scopes: (parameter: ScopeRequirement) => passes({ name: 'scopes', parameter }),
    scopesOfViewer: (parameter: ScopeRequirement) => passes({ name: 'scopesOfViewer', parameter }),
  };
}

/** On a field: for signed-in callers whose token has all of these scopes. */
export function needs(...scopes: [Scope, ...Scope[]]) {
  return { authScopes: { scopes: [scopes.map(({ name }) => name)] } };
}

/** On a field: for signed-in callers whose token has one of these scopes, each of which opens a part of it. */
export function needsEither(...scopes: [Scope, ...Scope[]]) {
  return { authScopes: { scopes: scopes.map(({ name }) => [name]) } };
}

/** On a root field: open to anybody. Without it, or rules of its own, a root field asks for a signed-in viewer. */
export const publicField = { skipTypeScopes: true } as const;

/**
 * On a root field: a way in, open to anybody, where credentials that are no good count as none, so that a stale
 * header can never lock a client out.
 */
export const wayIn = { ...publicField, extensions: { isWayIn: true } } as const;

export interface DataRule {
  name: 'own or staff';
  /** What a token needs for it, whoever the row belongs to. */
  requirement: ScopeRequirement;
}

const DATA_RULE = Symbol('data rule');

interface OwnOrStaffScopes {
  /** What a token needs for what is its user's own. */
  own: readonly Scope[];
  /** What it needs, if its user is staff, for what belongs to others. */
  others: readonly Scope[];
}

/**
 * On a field of a row that belongs to a user: shown to that user and to staff, if their token has the scopes. Whoever
 * has just proved himself by logging in or registering needs none. It needs the row, so it is judged at the field.
 */
export function ownOrStaff<Parent>(ownerId: (parent: Parent) => string, { own, others }: OwnOrStaffScopes) {
  const namesOf = (scopes: readonly Scope[]) => scopes.map(({ name }) => name);
  const [forOwn, forOthers] = [namesOf(own), namesOf(others)];
  function mayRead(parent: Parent, _args: unknown, context: Context): boolean | { scopes: ScopeRequirement } {
    const owner = ownerId(parent);
    if (context.admitted.has(owner)) return true;
    if (!canSee(context, owner)) return false;
    return { scopes: [context.viewer?.user.id === owner ? forOwn : forOthers] };
  }
  const rule: DataRule = { name: 'own or staff', requirement: [forOwn, forOthers] };
  return Object.assign(mayRead, { [DATA_RULE]: rule });
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

/** The rules that need no data: those of the field itself and, on a root type, of the type unless it skips them. */
export function staticRulesOf(parent: GraphQLObjectType, field: GraphQLField<unknown, unknown>): Rule[] {
  const own = pothosOptionsOf(field);
  const ofType = own.skipTypeScopes ? {} : pothosOptionsOf(parent).authScopes;
  // It would be enforced and shown nowhere.
  if (typeof ofType === 'function') throw new Error(`The rule of ${parent.name} must not be a function.`);
  return [...rulesIn(ofType), ...rulesIn(own.authScopes)];
}

/** The refusal of a signed-in caller: with what his token lacks, where it is that. */
export function forbidden(lacking: ScopeRequirement | null): RequestRefused {
  return new RequestRefused('FORBIDDEN', undefined, {}, lacking ? { requiredScopes: lacking } : {});
}

interface DeclaredRules {
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

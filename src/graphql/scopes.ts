import type { GraphQLField, GraphQLObjectType } from 'graphql';
import { isStaff } from '../auth/viewer.ts';
import { type Context, canSee } from './context.ts';

/** The rules a field can declare in `authScopes`; several mean all of them. */
export interface Scopes {
  isAuthenticated: boolean;
  isStaff: boolean;
  isSuperuser: boolean;
  /** Anybody where registration is open, else staff. */
  mayRegister: boolean;
}

export function scopesOf(context: Pick<Context, 'viewer' | 'registration'>): Scopes {
  const { viewer } = context;
  return {
    isAuthenticated: viewer !== null,
    isStaff: isStaff(viewer),
    isSuperuser: viewer?.user.isSuperuser ?? false,
    mayRegister: context.registration === 'open' || isStaff(viewer),
  };
}

export type DataRule = 'own or staff';

const DATA_RULE = Symbol('data rule');

/** On a root field: open to anybody. Without it, or rules of its own, a root field asks for a signed-in viewer. */
export const publicField = { skipTypeScopes: true } as const;

/**
 * On a root field: a way in, open to anybody, where credentials that are no good count as none, so that a stale
 * header can never lock a client out.
 */
export const wayIn = { ...publicField, extensions: { isWayIn: true } } as const;

/**
 * On a field of a row that belongs to a user: shown to that user and to staff. It needs the row, so it is judged at
 * the field.
 */
export function ownOrStaff<Parent>(ownerId: (parent: Parent) => string) {
  const mayRead = (parent: Parent, _args: unknown, context: Context) => canSee(context, ownerId(parent));
  return Object.assign(mayRead, { [DATA_RULE]: 'own or staff' as const });
}

/** The name of the rule that this field judges by its data, or null when it has none. Throws when it has no name. */
export function dataRuleOf(field: GraphQLField<unknown, unknown>): DataRule | null {
  const { authScopes } = pothosOptionsOf(field);
  if (typeof authScopes !== 'function') return null;
  const name = (authScopes as { [DATA_RULE]?: DataRule })[DATA_RULE];
  if (!name) throw new Error(`The rule of ${field.name} is a function without a name: make it with ownOrStaff.`);
  return name;
}

export function isWayIn(field: GraphQLField<unknown, unknown>): boolean {
  return field.extensions.isWayIn === true;
}

/** The rules that need no data: those of the field itself and, on a root type, of the type unless it skips them. */
export function staticScopesOf(parent: GraphQLObjectType, field: GraphQLField<unknown, unknown>): (keyof Scopes)[] {
  const own = pothosOptionsOf(field);
  const ofType = own.skipTypeScopes ? {} : pothosOptionsOf(parent).authScopes;
  // It would be enforced and shown nowhere.
  if (typeof ofType === 'function') throw new Error(`The rule of ${parent.name} must not be a function.`);
  return [...namesIn(ofType), ...namesIn(own.authScopes)];
}

interface DeclaredRules {
  authScopes?: unknown;
  skipTypeScopes?: boolean;
}

function pothosOptionsOf({ extensions }: { extensions: Readonly<Record<string, unknown>> }): DeclaredRules {
  return (extensions.pothosOptions ?? {}) as DeclaredRules;
}

// A rule that is a function depends on data, and is judged at the field.
function namesIn(authScopes: unknown): (keyof Scopes)[] {
  return authScopes !== null && typeof authScopes === 'object' ? (Object.keys(authScopes) as (keyof Scopes)[]) : [];
}

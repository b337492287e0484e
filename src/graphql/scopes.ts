import type { GraphQLField, GraphQLObjectType } from 'graphql';
import { isStaff } from '../auth/viewer.ts';
import type { Context } from './context.ts';

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

/** On a root field: open to anybody. Without it, or rules of its own, a root field asks for a signed-in viewer. */
export const publicField = { skipTypeScopes: true } as const;

/**
 * On a root field: a way in, open to anybody, where credentials that are no good count as none, so that a stale
 * header can never lock a client out.
 */
export const wayIn = { ...publicField, extensions: { isWayIn: true } } as const;

export function isWayIn(field: GraphQLField<unknown, unknown>): boolean {
  return field.extensions.isWayIn === true;
}

/** The rules that need no data: those of the field itself and, on a root type, of the type unless it skips them. */
export function staticScopesOf(parent: GraphQLObjectType, field: GraphQLField<unknown, unknown>): (keyof Scopes)[] {
  const own = pothosOptionsOf(field);
  const ofType = own.skipTypeScopes ? {} : pothosOptionsOf(parent).authScopes;
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

import { allOf, EVERY_SCOPE, isMet, lackingOf, NO_SCOPES, type ScopeRequirement } from '../auth/scope.ts';
import { isStaff, type Viewer } from '../auth/viewer.ts';
import { RequestRefused } from '../errors.ts';
import type { Context } from './context.ts';
import { usersWrite } from './scopes.ts';

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

interface OwnOrStaff {
  /** The scopes that a token needs for what is its user's own. */
  own: readonly string[];
  /** Those that it needs, if its user is staff, for what belongs to others. */
  others: readonly string[];
}

/** What a field declares of itself by `ownOrStaff`, judged there once it has its row. */
export interface DataRule {
  name: 'ownOrStaff';
  parameter: OwnOrStaff;
}

/** A rule as a field declares it. */
export type Rule = { [Name in keyof Rules]: { name: Name; parameter: Rules[Name] } }[keyof Rules] | DataRule;

/** Who would run an operation: the part of the context that rules are judged by. */
export type Caller = Pick<Context, 'viewer' | 'registration'>;

/** What a caller lacks under a rule: nothing, what he is, or scopes of his token. */
export type Lack = null | 'standing' | ScopeRequirement;

/** What the caller lacks under this rule, the one place where that is decided. */
export function lackUnder(rule: Rule, caller: Caller): Lack {
  if (!hasStanding(rule, caller)) return 'standing';
  const { viewer } = caller;
  if (!viewer) return null;
  const held = heldScopes(viewer);
  const requirement = requirementUnder(rule, caller);
  return isMet(held, requirement) ? null : lackingOf(held, requirement);
}

/** The scopes that the rule asks for: of this viewer, whatever his token holds, or, without one, of any. */
export function requirementUnder(rule: Rule, { viewer, registration }: Caller): ScopeRequirement {
  switch (rule.name) {
    case 'scopes':
    case 'scopesOfViewer':
      return rule.parameter;
    case 'mayRegister':
      return registration === 'open' ? NO_SCOPES : [[usersWrite.name]];
    case 'ownOrStaff': {
      const { own, others } = rule.parameter;
      return viewer && !isStaff(viewer) ? [own] : [own, others];
    }
    default:
      return NO_SCOPES;
  }
}

function hasStanding({ name }: Rule, { viewer, registration }: Caller): boolean {
  switch (name) {
    case 'isAuthenticated':
    case 'scopes':
      return viewer !== null;
    case 'isStaff':
      return isStaff(viewer);
    case 'isSuperuser':
      return viewer?.user.isSuperuser === true;
    case 'mayRegister':
      return registration === 'open' || isStaff(viewer);
    case 'scopesOfViewer':
    // Whose the row is, is seen at the field.
    case 'ownOrStaff':
      return true;
  }
}

/** What is needed, or lacking, under several rules together. Throws RequestRefused when it is too much to tell. */
export function together(requirements: Iterable<ScopeRequirement>): ScopeRequirement {
  try {
    return allOf(requirements);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RequestRefused(
      'OPERATION_TOO_COMPLEX',
      'The operation can be allowed by too many combinations of scopes. Ask for fewer things at once.',
    );
  }
}

/** What the viewer's credential may do; a way in that knows no scopes is bound by none. */
export function heldScopes({ token }: Viewer): readonly string[] {
  return token?.scopes ?? [EVERY_SCOPE];
}

/** The refusal of whoever lacks anything under these rules, or null when he lacks nothing. */
export function refusalUnder(rules: readonly Rule[], context: Context): RequestRefused | null {
  for (const rule of rules) {
    // Nearly everybody lacks nothing.
    if (lackUnder(rule, context) === null) continue;
    return refusalOf(
      rules.map((each) => lackUnder(each, context)),
      context,
    );
  }
  return null;
}

/** The refusal of whoever lacks this under the rules that hold for him, or null when it is nothing. */
export function refusalOf(lacks: readonly Lack[], { viewer, credentialsMissing }: Context): RequestRefused | null {
  if (lacks.every((lack) => lack === null)) return null;
  if (lacks.includes('standing')) return viewer ? forbidden(null) : credentialsMissing();
  return forbidden(together(lacks.filter((lack): lack is ScopeRequirement => lack !== null && lack !== 'standing')));
}

/** The refusal of a signed-in caller: with what his token lacks, where it is that. */
export function forbidden(lacking: ScopeRequirement | null): RequestRefused {
  return new RequestRefused('FORBIDDEN', undefined, {}, lacking ? { requiredScopes: lacking } : {});
}

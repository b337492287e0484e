/** What is needed: alternatives of which one is enough, each of scopes that are needed together. `[[]]`: nothing. */
export type ScopeRequirement = readonly (readonly string[])[];

/** Everything that the user may do. */
export const EVERY_SCOPE = '*';

export const NO_SCOPES: ScopeRequirement = [[]];

/** Past this many alternatives a requirement is no use to anybody, and costs time to tell. */
const MOST_ALTERNATIVES = 200;

/** Of these scopes, those that a holder of the first list lacks. */
export function lackingScopes(held: readonly string[], needed: readonly string[]): string[] {
  return held.includes(EVERY_SCOPE) ? [] : needed.filter((scope) => !held.includes(scope));
}

/** Whether a holder of these scopes lacks nothing. */
export function isMet(held: readonly string[], requirement: ScopeRequirement): boolean {
  if (requirement.length === 0 || held.includes(EVERY_SCOPE)) return true;
  return requirement.some((alternative) => alternative.every((scope) => held.includes(scope)));
}

/** What a holder of these scopes lacks, alternative by alternative; none when nothing is lacking. */
export function lackingOf(held: readonly string[], requirement: ScopeRequirement): string[][] {
  return fewestAlternatives(requirement.map((alternative) => lackingScopes(held, alternative)));
}

/** The requirement as the API tells it: in the fewest and smallest alternatives, and none when nothing is needed. */
export function fewestAlternatives(requirement: ScopeRequirement): string[][] {
  return requirement.some((scopes) => scopes.length === 0) ? [] : smallest(requirement);
}

/**
 * What is needed for all of these together, in the fewest and smallest alternatives, sorted.
 * Throws RangeError when there would be more than 200.
 */
export function allOf(requirements: Iterable<ScopeRequirement>): ScopeRequirement {
  let all: string[][] = [[]];
  // Those that leave no choice first: they take in many of the alternatives that the others bring.
  for (const requirement of [...requirements].sort((a, b) => a.length - b.length)) {
    all = smallest(all.flatMap((done) => requirement.map((more) => [...new Set([...done, ...more])])));
    if (all.length > MOST_ALTERNATIVES) throw new RangeError('The requirement has too many alternatives.');
  }
  return all;
}

/** In words: `tokens:read and users:read`, `account:read or users:read`, `none`; no alternatives mean that, too. */
export function scopesInWords(requirement: ScopeRequirement): string {
  if (requirement.length === 0 || requirement.some((scopes) => scopes.length === 0)) return 'none';
  const hasPairs = requirement.some((scopes) => scopes.length > 1);
  return requirement.map((scopes) => scopes.join(' and ')).join(hasPairs ? ', or ' : ' or ');
}

/** Without alternatives that ask for more than another one does. */
function smallest(alternatives: ScopeRequirement): string[][] {
  const bySize = alternatives.map((scopes) => scopes.toSorted()).sort((a, b) => a.length - b.length);
  const kept: string[][] = [];
  for (const scopes of bySize) {
    if (!kept.some((smaller) => smaller.every((scope) => scopes.includes(scope)))) kept.push(scopes);
  }
  return kept.sort((a, b) => (a.join(' ') < b.join(' ') ? -1 : 1));
}

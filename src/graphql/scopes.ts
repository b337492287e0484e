/** A permission that a token can be given: `resource:verb`. */
export interface Scope {
  name: string;
  /** What it allows, for people. */
  description: string;
}

const declared = new Map<string, Scope>();

/**
 * A scope, known from now on to `Query.scopes` and to whatever makes tokens. Fields ask for it by `needs` (rules.ts).
 * Throws when the name is not `resource:verb`, or is declared already.
 * @public Types of one's own declare theirs by it.
 */
export function scope(name: string, description: string): Scope {
  if (!/^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$/.test(name)) {
    throw new Error(`A scope must be resource:verb in lower case, such as notes:read (got ${JSON.stringify(name)}).`);
  }
  if (declared.has(name)) throw new Error(`The scope ${name} is declared twice.`);
  const made = { name, description };
  declared.set(name, made);
  return made;
}

/** Every scope there is, by name; complete when `schema.ts` has been loaded. */
export function declaredScopes(): Scope[] {
  return [...declared.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export const accountRead = scope('account:read', 'Read one’s own account: who one is, e-mail and last login included.');
scope('account:write', 'Change one’s own account; no field asks for it yet.');
export const tokensRead = scope(
  'tokens:read',
  'Read one’s own tokens, never their keys, and hear what happens to them.',
);
export const tokensWrite = scope('tokens:write', 'Make, rotate and revoke one’s own tokens.');
export const usersRead = scope('users:read', 'Read other people’s accounts and tokens, where staff may.');
export const usersWrite = scope('users:write', 'Make other people’s accounts, where staff may.');
export const auditRead = scope('audit:read', 'Read the audit trail, where staff may.');
export const tokensIntrospect = scope('tokens:introspect', 'Ask whether a key is good, and whose it is.');

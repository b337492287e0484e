/** A row's id, in a regular expression. */
export const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

const GLOBAL_ID = new RegExp(`^([A-Z]\\w*):(${UUID})$`);

/** The Relay id by which the API and the command line name this row: base64 of `Type:uuid`. */
export function globalIdOf(typename: string, id: string): string {
  return Buffer.from(`${typename}:${id}`).toString('base64');
}

/** The type and the row that a global id names, or null when it names nothing that could exist. */
export function parseGlobalId(globalId: string): { typename: string; id: string } | null {
  const [, typename, id] = GLOBAL_ID.exec(Buffer.from(globalId, 'base64').toString()) ?? [];
  // Decoding is lenient: only one spelling is the id.
  return typename && id && globalIdOf(typename, id) === globalId ? { typename, id } : null;
}

import { type GraphQLSchema, isObjectType } from 'graphql';

/** A row's id, in a regular expression. */
export const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

const GLOBAL_ID = new RegExp(`^([A-Z]\\w*):(${UUID})$`);

/** The users that were named last: who is served is named in each answer and each line of the log. */
const MOST_USERS = 1_000;
let userIds = new Map<string, string>();

/** The Relay id by which the API and the command line name this row: base64 of `Type:uuid`. */
export function globalIdOf(typename: string, id: string): string {
  if (typename !== 'User') return written(typename, id);
  let globalId = userIds.get(id);
  if (globalId === undefined) {
    globalId = written(typename, id);
    if (userIds.size === MOST_USERS) userIds = new Map();
    userIds.set(id, globalId);
  }
  return globalId;
}

function written(typename: string, id: string): string {
  return Buffer.from(`${typename}:${id}`).toString('base64');
}

/** Resolves `id` of whatever has a global id without a promise for each, as the relay plugin makes one. */
export function sayIdsAtOnce(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    const id = isObjectType(type) && type.getInterfaces().some(({ name }) => name === 'Node') && type.getFields().id;
    if (id) id.resolve = (row: { id: string }) => globalIdOf(type.name, row.id);
  }
}

/** The type and the row that a global id names, or null when it names nothing that could exist. */
export function parseGlobalId(globalId: string): { typename: string; id: string } | null {
  const [, typename, id] = GLOBAL_ID.exec(Buffer.from(globalId, 'base64').toString()) ?? [];
  // Decoding is lenient: only one spelling is the id.
  return typename && id && globalIdOf(typename, id) === globalId ? { typename, id } : null;
}

// What every peer answers: one field, as Tessera's { me { id username } }.
export const typeDefs = 'type User { id: ID! username: String! } type Query { me: User! }';
const me = { id: 'VXNlcjox', username: 'ada' };
export const resolvers = { Query: { me: (_root, _args, context) => context?.user ?? me } };

/** Says where it listens, as the bench expects of everybody. */
export function announce(port) {
  process.stdout.write(`GraphQL http://127.0.0.1:${port}/graphql\n`);
}

/** The key that a request brings, or null. */
export function keyOf(headers) {
  return /^Token (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? null;
}

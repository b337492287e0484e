export default {
  // The path alone: `/graphql` would stand for a module `/graphql-request.ts`, too.
  server: { proxy: { '^/graphql(\\?|$)': 'http://127.0.0.1:4000' } },
};

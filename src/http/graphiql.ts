import { PROOF_HEADER } from '../auth/browser-proof.ts';

/** What GraphiQL shows a newcomer: how to get a key, and where to put it. */
export const graphiql = {
  title: 'Tessera',
  // Without it a browser that has a session's cookie would be refused whatever it asks, the schema included.
  additionalHeaders: { [PROOF_HEADER]: '1' },
  defaultQuery: `# Who are you? Nobody yet: viewer is null.
query WhoAmI {
  viewer { username }
}

# Log in, and put the key under "Headers" below: { "Authorization": "Token tsr_..." }
mutation LogIn {
  obtainAuthToken(input: { username: "", password: "" }) {
    ... on IssuedToken { key }
    ... on Error { message }
  }
}
`,
};

/** From this machine, not from a CDN; several megabytes, so loaded when the page is first asked for. */
export async function renderGraphiQL(options?: object): Promise<string> {
  return (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(options);
}

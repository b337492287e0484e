import { createHash } from 'node:crypto';
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

let scriptSources = "'none'";

/** From this machine, not from a CDN; several megabytes, so loaded when the page is first asked for. */
export async function renderGraphiQL(options?: object): Promise<string> {
  const page = (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(options);
  const scripts = [...page.matchAll(/<script[^>]*>(.*?)<\/script>/gs)].map(([, script = '']) => script);
  scriptSources = scripts.map((script) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`).join(' ');
  return page;
}

/** What GraphiQL's page may do: run its own scripts, start their workers, show what they draw, and ask this server. */
export function graphiqlPolicy(): string {
  return [
    "default-src 'none'",
    `script-src ${scriptSources} blob:`,
    'worker-src blob:',
    "style-src 'unsafe-inline'",
    'img-src data:',
    'font-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

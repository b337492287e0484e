// As its documentation has it: PostgreSQL through a pool, sessions by the bearer plugin, each looked up (no cookie cache,
// which is the default).
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node';
import { bearer } from 'better-auth/plugins/bearer';
import pg from 'pg';
import { announce } from './schema.js';

const auth = betterAuth({
  baseURL: 'http://127.0.0.1',
  secret: process.env.BETTER_AUTH_SECRET,
  database: new pg.Pool({ connectionString: process.env.DATABASE_URL }),
  emailAndPassword: { enabled: true },
  plugins: [bearer()],
  // Of its own endpoints, none of which is measured.
  rateLimit: { enabled: false },
});
const { runMigrations } = await getMigrations(auth.options);
await runMigrations();

const handle = toNodeHandler(auth);
const server = createServer(async (request, response) => {
  if (request.url.startsWith('/api/auth/')) return handle(request, response);
  const session = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) });
  const body = JSON.stringify(session && { id: session.user.id, username: session.user.name });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  response.writeHead(session ? 200 : 401, headers).end(body);
});
server.listen(0, '127.0.0.1', () => announce(server.address().port));

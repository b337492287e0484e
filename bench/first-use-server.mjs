// The compiled server, without what writes when a key was used, whose keys' owners are looked up as it does (`ours`), or by a query
// that is written out here on `pg` (`by-hand`).
import pg from 'pg';
import { loadConfig } from '../dist/config.js';
import { openDatabase } from '../dist/database/open.js';
import { listen } from '../dist/http/server.js';
import { createLog } from '../dist/log.js';
import { createEndpoint } from '../dist/serve.js';

const { config, secrets } = loadConfig();
const log = createLog(config);
const server = await listen({ host: config.host, port: config.port, drainMs: 1_000 });
const open = await openDatabase({ config, secrets, log, asServer: true });

const pool = new pg.Pool({ connectionString: config.databaseUrl, max: config.databasePool.size });
const BY_HAND = `
  SELECT u."id", u."username", u."email", u."isActive", u."isStaff", u."isSuperuser", u."dateJoined", u."lastLogin",
         t."id" AS "token_id", t."userId" AS "token_userId", t."kind" AS "token_kind", t."name" AS "token_name",
         t."scopes" AS "token_scopes", t."createdAt" AS "token_createdAt", t."expiresAt" AS "token_expiresAt",
         t."lastUsedAt" AS "token_lastUsedAt", t."supersededAt" AS "token_supersededAt"
    FROM "Token" t JOIN "User" u ON u."id" = t."userId" WHERE t."id" = $1`;
const readByHand = async (_sql, [tokenId]) => (await pool.query(BY_HAND, [tokenId])).rows;
const database =
  process.argv[2] === 'by-hand'
    ? new Proxy(open.database, { get: (made, name) => (name === '$read' ? readByHand : Reflect.get(made, name)) })
    : open.database;

server.serve(createEndpoint(config, secrets, { ...open, database }, log), open.isThere);
process.stdout.write(`GraphQL ${server.url}/graphql\n`);

process.once('SIGTERM', async () => {
  await server.close();
  await Promise.all([open.close(), pool.end()]);
  process.exit(0);
});

// The compiled server, as `serve` puts it together, with or without what last-used.ts measures: `written` or `not`.
import { createLastUsed, writeBehind } from '../dist/accounts/last-used.js';
import { loadConfig } from '../dist/config.js';
import { openDatabase } from '../dist/database/open.js';
import { listen } from '../dist/http/server.js';
import { createLog } from '../dist/log.js';
import { createEndpoint } from '../dist/serve.js';

// A minute passes in five seconds: every token is due again each time that uses are written.
const TIMES_AS_FAST = 12;
const startedAt = Date.now();
const now = () => new Date(startedAt + (Date.now() - startedAt) * TIMES_AS_FAST);

const { config, secrets } = loadConfig();
const log = createLog(config);
const server = await listen({ host: config.host, port: config.port, drainMs: 1_000 });
const open = await openDatabase({ config, secrets, log, asServer: true });
const lastUsed =
  process.argv[2] === 'written'
    ? createLastUsed({ database: open.database, lifetimes: config.tokenLifetimes, log, now })
    : undefined;
const stopWriting = lastUsed && writeBehind(lastUsed);
server.serve(createEndpoint(config, secrets, { ...open, lastUsed }, log, now), open.isThere);
process.stdout.write(`GraphQL ${server.url}/graphql\n`);

process.once('SIGTERM', async () => {
  await server.close();
  await stopWriting?.();
  await open.close();
  process.exit(0);
});

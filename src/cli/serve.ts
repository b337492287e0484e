import type { Command } from 'commander';
import type { Logger } from 'pino';
import { type Config, loadConfig, type Secrets } from '../config.ts';
import { openLog } from '../log.ts';
import type { RunningServer } from '../serve.ts';
import { exitWithError } from './exit.ts';

export function addServe(program: Command): void {
  program.command('serve').description('Serve until stopped by SIGTERM or SIGINT.').action(runServe);
}

/** Serves until SIGTERM or SIGINT, then drains and exits 0; a second signal exits at once. */
export async function runServe(): Promise<void> {
  try {
    const { config, secrets } = loadConfig();
    const stopping = signalled();
    const log = await openLog(config);
    await import('../young-garbage.ts');
    const server = await start(config, secrets, log);
    if (config.env === 'development') greet(server, config);
    else announce(server, log);
    const signal = await Promise.race([stopping, server.failure]);
    log.info(`${signal} received: finishing what is in flight`);
    await server.close();
    process.exit(0);
  } catch (error) {
    exitWithError(error);
  }
}

// Loaded when it is wanted: no other command, and no primary, should wait for all of GraphQL.
async function start(config: Config, secrets: Secrets, log: Logger): Promise<RunningServer> {
  if (config.databaseUrl === null) await prepareEmbedded();
  if (config.workers === 1) return (await import('../serve.ts')).serve(config, secrets, log);
  return (await import('../workers/primary.ts')).serveByWorkers(config, secrets, log);
}

/** Has other threads compile the embedded database meanwhile. Whoever opens it is told when that fails. */
async function prepareEmbedded(): Promise<void> {
  (await import('../database/pglite.ts')).loadPglite().catch(() => {});
}

/** The name of the first signal to stop; from the second on, the process exits at once. */
function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let hasStopped = false;
    function stop(signal: NodeJS.Signals): void {
      if (hasStopped) process.exit(1);
      hasStopped = true;
      resolve(signal);
    }
    process.on('SIGTERM', stop).on('SIGINT', stop);
  });
}

/** As the greeting, for a log: one line of JSON an event. */
function announce({ url, metricsUrl, hasSuperuser }: RunningServer, log: Logger): void {
  log.info({ graphql: url, ...(metricsUrl && { metrics: metricsUrl }) }, 'Tessera is ready.');
  if (!hasSuperuser)
    log.warn('There is no superuser yet: make one with `npx tessera user create <username> --superuser`.');
}

/** Where it cannot be written, it is not; the server serves. */
function greet(server: RunningServer, config: Config): void {
  process.stdout.on('error', () => {});
  process.stdout.write(greeting(server, config));
}

function greeting({ url, metricsUrl, hasSuperuser }: RunningServer, { hasGraphiQL }: Config): string {
  const lines = ['Tessera is ready.', `  GraphQL   ${url}`];
  if (hasGraphiQL) lines.push(`  GraphiQL  ${url}  (open it in a browser)`);
  if (metricsUrl) lines.push(`  Metrics   ${metricsUrl}`);
  if (!hasSuperuser) lines.push('', 'Make the first superuser:', '  npx tessera user create <username> --superuser');
  return `\n${lines.join('\n')}\n\n`;
}

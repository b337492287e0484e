import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { createLog, type RunningServer, serve } from '../serve.ts';
import { exitWithError } from './exit.ts';

export function addServe(program: Command): void {
  program.command('serve').description('Serve until stopped by SIGTERM or SIGINT.').action(runServe);
}

/** Serves until SIGTERM or SIGINT, then drains and exits 0; a second signal exits at once. */
export async function runServe(): Promise<void> {
  try {
    const { config, secrets } = loadConfig();
    const log = createLog(config);
    const stopping = signalled();
    const server = await serve(config, secrets, log);
    process.stdout.write(greeting(server, config.env === 'development'));
    const signal = await Promise.race([stopping, server.failure]);
    log.info(`${signal} received: finishing what is in flight`);
    await server.close();
    process.exit(0);
  } catch (error) {
    exitWithError(error);
  }
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

function greeting({ url, hasSuperuser }: RunningServer, hasGraphiQL: boolean): string {
  const lines = ['Tessera is ready.', `  GraphQL   ${url}`];
  if (hasGraphiQL) lines.push(`  GraphiQL  ${url}  (open it in a browser)`);
  if (!hasSuperuser) lines.push('', 'Make the first superuser:', '  npx tessera user create <username> --superuser');
  return `\n${lines.join('\n')}\n\n`;
}

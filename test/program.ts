import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { recordOutput, recordSecret } from './recorder.ts';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The compiled program, as users run it, started with these variables alone beside PATH and HOME. */
function start(file: string, parts: string[], env: Record<string, string>) {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [`${DIST}${file}`, ...parts], { env: { PATH, HOME, ...env } });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code) => {
      recordOutput(showsSecret(parts) ? output.stderr : output.stdout + output.stderr);
      resolve({ code, ...output });
    });
  });
  return { child, output, finished };
}

/** Whether the command's very answer is a secret. */
function showsSecret([noun, verb]: string[]): boolean {
  return (noun === 'token' && verb === 'create') || noun === 'secrets';
}

/** What a command of the `tessera` program says, and its exit code. */
export function tessera(parts: string[], env: Record<string, string>, input = ''): Promise<Finished> {
  const { child, finished } = start('cli.js', parts, env);
  recordSecret(input.trim());
  child.stdin.on('error', () => {}).end(input);
  return finished;
}

/** The same command at work, for tests that have to do with it before it ends; killed with the test at the latest. */
export function startTessera(parts: string[], env: Record<string, string>) {
  const started = start('cli.js', parts, env);
  started.child.stdin.end();
  onTestFinished(async () => {
    started.child.kill('SIGKILL');
    await started.finished;
  });
  return started;
}

export interface StartedServer {
  child: ChildProcess;
  /** The GraphQL endpoint, as the server printed it. */
  url: string;
  /** Where the server listens, without a path. */
  origin: string;
  output: { stdout: string; stderr: string };
  finished: Promise<Finished>;
}

/**
 * `npm start`, on a free port unless the variables name one, and with no patience for connections that tests leave open; killed at the end of the test at the latest, or of the
 * file with `afterAll`, but not within a hook, where that registers nothing any more.
 */
export async function startServer(
  env: Record<string, string>,
  atTheEnd: (kill: () => Promise<void>) => void = onTestFinished,
): Promise<StartedServer> {
  const { child, output, finished } = start('main.js', [], { PORT: '0', SHUTDOWN_GRACE: 'none', ...env });
  atTheEnd(async () => {
    child.kill('SIGKILL');
    await finished;
  });
  const greeting = new Promise<void>((resolve) => {
    child.stdout.on('data', () => {
      if (output.stdout.includes('Tessera is ready.')) resolve();
    });
  });
  await Promise.race([greeting, finished]);
  const [, printed, logged] = /GraphQL\s+(\S+)|"graphql":"([^"]+)"/.exec(output.stdout) ?? [];
  const url = printed ?? logged;
  if (!url) throw new Error(`The server did not start:\n${output.stdout}${output.stderr}`);
  return { child, url, origin: new URL(url).origin, output, finished };
}

import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

/** A server as it is deployed: nothing is on that development alone has. Its log belongs in a file. */
export const DEPLOYED = { NODE_ENV: 'production', PUBLIC_URL: 'http://127.0.0.1:4000', TOKEN_SECRETS: 's'.repeat(32) };

/** As `npm start` has it. */
const AS_STARTED = ['--max-semi-space-size=8'];

/** Limits count, as they do for users, and nothing that is measured reaches them: all of it comes from one address. */
const UNREACHED = Object.fromEntries(
  [
    'RATE_LIMIT_PER_ADDRESS',
    'RATE_LIMIT_PER_USER',
    'MAX_LOGIN_FAILURES',
    'MAX_LOGIN_FAILURES_PER_ADDRESS',
    'MAX_TOKENS_PER_HOUR',
  ].map((name) => [name, '1000000']),
);

export interface Started {
  url: string;
  /** From the process's start to the first 200 from GraphQL. */
  startMs: number;
  /** What the process and its workers have used of the processors so far, in milliseconds; nothing but Linux tells it. */
  cpuMs(): number;
  /** What of its memory is in the machine's, in MB: VmRSS, without its workers' own. */
  rssMb(): number;
  signal(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

/** The compiled server on a free port, as users run it, answering. */
export function start(env: Record<string, string>, placed?: Placed): Promise<Started> {
  return startScript(MAIN, [], env, placed);
}

interface Placed {
  /** What runs the script; unless said, this Node. */
  program?: string;
  /** The one core that it may use. */
  core?: string;
  /** Where its output goes, as a service's does; else it is read here, which takes some of the machine. */
  logFile?: string;
}

/** As start, of a script that puts the server together in a way of its own, or of a peer. */
export async function startScript(
  script: string,
  parts: string[],
  env: Record<string, string>,
  { program = process.execPath, core, logFile }: Placed = {},
): Promise<Started> {
  const from = performance.now();
  const flags = script === MAIN ? AS_STARTED : [];
  const [file = '', ...words] = [...(core === undefined ? [] : ['taskset', '-c', core]), program, ...flags, script];
  const child = spawn(file, [...words, ...parts], {
    env: { PATH: process.env.PATH, PORT: '0', ...UNREACHED, ...env },
    stdio: ['ignore', logFile ? openSync(logFile, 'w') : 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let output = '';
  child.stderr?.on('data', (text) => process.stderr.write(text));
  const failed = ended.then((): never => {
    throw new Error(`The server did not start: ${output}`);
  });
  const read = new Promise<string>((resolve) => {
    child.stdout?.on('data', function read(text) {
      output += text;
      const found = urlIn(output);
      if (!found) return;
      // What comes behind is the log, a line each request: to keep it all would slow down who asks.
      child.stdout?.off('data', read).resume();
      resolve(found);
    });
  });
  const url = await Promise.race([logFile ? urlInFile(logFile) : read, failed]);
  await ask(url, '{ __typename }');
  const startMs = performance.now() - from;
  return {
    url,
    startMs,
    cpuMs: () => cpuMsOf(child.pid),
    rssMb: () => rssMbOf(child.pid),
    signal: (signal) => child.kill(signal),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** As the server says it to people, or in its log. */
function urlIn(output: string): string | null {
  return /"graphql":"([^"]+)"/.exec(output)?.[1] ?? /GraphQL\s+(\S+)/.exec(output)?.[1] ?? null;
}

async function urlInFile(file: string): Promise<string> {
  for (;;) {
    const url = urlIn(readFileSync(file, 'utf8'));
    if (url) return url;
    await sleep(5);
  }
}

/** Of a process, its children that have ended, and all that descends from it and has not. */
function cpuMsOf(pid = 0): number {
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const times = fields.split(' ').slice(11, 15).map(Number);
  // In hundredths of a second.
  const own = times.reduce((sum, time) => sum + time, 0) * 10;
  return childrenOf(pid).reduce((sum, child) => sum + cpuMsOf(child), own);
}

function rssMbOf(pid = 0): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** A child is its parent's thread's that made it. */
function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

export async function ask(url: string, query: string, variables?: Record<string, unknown>): Promise<unknown> {
  const reply = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return reply.json();
}

export function command(parts: string[], env: Record<string, string>, input = ''): Promise<void> {
  const child = spawn(process.execPath, [CLI, ...parts], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`tessera ${parts.join(' ')}: ${code}`))));
  });
}

/** A folder that is gone again when the work is done. */
export async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

export function table(head: string[], rows: (string | number)[][]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

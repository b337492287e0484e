import pino, { type DestinationStream, type Logger } from 'pino';
import type { Config } from './config.ts';
import type { InfoStream } from './http/plain-info.ts';
import { redact } from './redact.ts';

type LogRules = Pick<Config, 'env' | 'logLevel'> & Partial<Pick<Config, 'workers'>>;

/** The server's own log, on standard output: pretty in development. */
export async function openLog(config: LogRules): Promise<Logger> {
  return config.env === 'development' ? createLog(config, await prettyOutput()) : createLog(config);
}

/** One line of JSON an event, to standard output unless told; what is secret is blotted out on the way. */
export function createLog(config: LogRules, destination: DestinationStream = bundledOutput(config)): Logger {
  return pino({ level: config.logLevel, hooks: { streamWrite: redact } }, destination);
}

const MOST_WAITING_BYTES = 1_000_000;
const MOST_TOGETHER = 64_000;
/** So much is written whole (PIPE_BUF), whoever else writes to the same pipe. */
const MOST_AMONG_OTHERS = 4_096;
const BUNDLE_MS = 2;
const INFO = `{"level":${pino.levels.values.info},`;

function bundledOutput({ workers = 1 }: LogRules): DestinationStream {
  return inBundles(workers > 1 ? MOST_AMONG_OTHERS : MOST_TOGETHER);
}

async function prettyOutput(): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  const destination = outputTo(1);
  return pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true, destination });
}

/** Standard output (1) or error (2) for a log. Where it cannot be written (a full disk), lines are lost, and nothing else. */
export function outputTo(fd: 1 | 2, contentMode: 'utf8' | 'buffer' = 'utf8'): DestinationStream {
  const output = pino.destination({ dest: fd, sync: true, maxLength: MOST_WAITING_BYTES, contentMode });
  output.on('error', () => {});
  return output;
}

/**
 * Writes what is logged for information some milliseconds later, together: a system call for each line costs more than
 * the line. What is there when the process exits is written; a process that is killed loses what it had not written.
 */
function inBundles(mostBytes: number): InfoStream {
  const output = outputTo(1, 'buffer') as unknown as { write(bytes: Buffer): void };
  let waiting = '';
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  function flush(): void {
    const lines = waiting;
    const written = bytes;
    waiting = '';
    bytes = 0;
    clearTimeout(timer);
    // Copied as they stand where they can be: to find out how much room they take, and to fill it, is the most of it.
    if (lines !== '') output.write(Buffer.from(lines, lines.length === written ? 'latin1' : 'utf8'));
  }
  function writeInfo(line: string): void {
    const more = Buffer.byteLength(line);
    // What is too long to be written at once would be lost, or be broken by others' lines.
    if (bytes + more > mostBytes) flush();
    if (waiting === '') timer = setTimeout(flush, BUNDLE_MS).unref();
    waiting += line;
    bytes += more;
  }
  process.on('exit', flush);
  return {
    writeInfo,
    write(line) {
      writeInfo(line);
      // What is amiss is written before anybody is told of it.
      if (!line.startsWith(INFO)) flush();
    },
  };
}

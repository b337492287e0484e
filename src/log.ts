import pino, { type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config.ts';
import { redact } from './redact.ts';

/** One line of JSON an event to standard output, pretty in development; what is secret is blotted out on the way. */
export function createLog(config: Pick<Config, 'env' | 'logLevel'>, destination = destinationFor(config)): Logger {
  return pino({ level: config.logLevel, hooks: { streamWrite: redact } }, destination);
}

const MOST_WAITING_BYTES = 1_000_000;

function destinationFor({ env }: Pick<Config, 'env'>): DestinationStream {
  const output = outputTo(1);
  if (env !== 'development') return output;
  return pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true, destination: output });
}

/** Standard output (1) or error (2) for a log. Where it cannot be written (a full disk), lines are lost, and nothing else. */
export function outputTo(fd: 1 | 2): DestinationStream {
  const output = pino.destination({ dest: fd, sync: true, maxLength: MOST_WAITING_BYTES });
  output.on('error', () => {});
  return output;
}

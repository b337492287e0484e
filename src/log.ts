import pino, { type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config.ts';
import { redact } from './redact.ts';

/** One line of JSON an event to standard output, pretty in development; what is secret is blotted out on the way. */
export function createLog(config: Pick<Config, 'env' | 'logLevel'>, destination = destinationFor(config)): Logger {
  return pino({ level: config.logLevel, hooks: { streamWrite: redact } }, destination);
}

function destinationFor({ env }: Pick<Config, 'env'>): DestinationStream {
  if (env !== 'development') return pino.destination(1);
  return pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true, sync: true });
}

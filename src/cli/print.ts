import { harmlessJson } from './harmless.ts';

/** Writes to standard output; whoever reads it (`| head`) may leave before the end, and then so does the process. */
export function print(text: string): void {
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', leaveWithReader);
  process.stdout.write(text);
}

/** Prints an array or object as JSON, harmless to a terminal. */
export function printJson(value: unknown): void {
  print(`${harmlessJson(value)}\n`);
}

function leaveWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}

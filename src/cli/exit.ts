import { Failure } from '../accounts/failures.ts';
import { OperatorError } from '../errors.ts';
import { harmless } from './harmless.ts';

/** Ends the process with 1 and the error in one line; what is wrong with the program itself, as "internal error". */
export function exitWithError(error: unknown): never {
  const isExpected = error instanceof OperatorError || error instanceof Failure;
  const message = error instanceof Error ? error.message : String(error);
  const text = isExpected ? message : `Internal error: ${message.trim().replaceAll(/\s*\n\s*/g, ' ')}`;
  process.stderr.write(`${text.split('\n').map(harmless).join('\n')}\n`);
  process.exit(1);
}

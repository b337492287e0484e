import { InvalidArgumentError } from 'commander';
import { DURATION_RULE, parseDuration } from '../duration.ts';

/** A duration as an option names it, in seconds. */
export function readDuration(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined) throw new InvalidArgumentError(`It must be ${DURATION_RULE}.`);
  return seconds;
}

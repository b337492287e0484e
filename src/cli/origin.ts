import { userInfo } from 'node:os';
import { NOBODY, type Origin } from '../database/origin.ts';

/** Whose doing it is what a command changes: of who runs it no more is known than what the machine calls him. */
export const COMMAND_LINE: Origin = { ...NOBODY, userAgent: `command line${byWhom()}` };

function byWhom(): string {
  try {
    return ` (${userInfo().username.slice(0, 100)})`;
  } catch {
    // A user id without a name, as containers have them.
    return '';
  }
}

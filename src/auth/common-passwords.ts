import { dictionary } from '@zxcvbn-ts/language-common';

const RANKS_REFUSED = 10_000;

const common = new Set(dictionary['passwords-common'].slice(0, RANKS_REFUSED));

/** Whether this is one of the 10,000 most common passwords, in any mix of upper and lower case. */
export function isCommonPassword(password: string): boolean {
  return common.has(password.toLowerCase());
}

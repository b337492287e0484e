import { takeCensus } from '../../accounts/census.ts';
import type { TokenLifetimes } from '../../auth/expiry.ts';
import type { Database } from '../../database/client.ts';
import { countOf } from '../words.ts';
import { type Finding, ok, warning } from './finding.ts';

const SUBJECT = 'users';

/** Whether anybody may administer, and whether everybody has a login token. */
export async function judgeUsers(database: Database, now: Date, lifetimes: TokenLifetimes): Promise<Finding[]> {
  const { users, hasSuperuser, withoutLoginToken } = await takeCensus(database, now, lifetimes);
  const findings: Finding[] = [];
  if (!hasSuperuser) {
    const remedy = 'Make one: `npx tessera user create <username> --superuser`.';
    findings.push(warning(SUBJECT, 'There is no superuser yet.', remedy));
  }
  if (withoutLoginToken > 0) {
    const remedy = 'The first login makes one; `npx tessera token backfill` makes them all now.';
    findings.push(warning(SUBJECT, `${countOf(withoutLoginToken, 'user')} without a live login token.`, remedy));
  }
  return findings.length > 0 ? findings : [ok(SUBJECT, `${countOf(users, 'user')}, each with a live login token.`)];
}

import type { InspectedConfig } from '../../config.ts';
import { type Finding, ok, warning, wrong } from './finding.ts';

const SUBJECT = 'configuration';

/** All variables that are no good, and those that are good but unwise in production. */
export function judgeConfiguration({ problems, config }: InspectedConfig): Finding[] {
  const findings = problems.map(({ line }) => wrong(SUBJECT, line));
  if (findings.length === 0) findings.push(ok(SUBJECT, `Every variable is good; NODE_ENV is ${config.env}.`));
  if (config.env === 'production' && config.registration === 'open') {
    const remedy = 'Set REGISTRATION=closed, unless anybody may have an account here.';
    findings.push(warning('registration', 'Anybody can make an account: REGISTRATION is open in production.', remedy));
  }
  return findings;
}

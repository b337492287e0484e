import type { Config, InspectedConfig } from '../../config.ts';
import { OperatorError } from '../../errors.ts';
import { type Finding, ok, warning, wrong } from './finding.ts';

const SUBJECT = 'configuration';

/** Whether the only operations that are to be run can be. All of GraphQL is loaded for it, where there are such. */
export async function judgeTrustedDocuments({ trustedDocuments: file, queryLimits }: Config): Promise<Finding[]> {
  if (file === null) return [];
  const { schema } = await import('../../graphql/schema.ts');
  const { readTrustedDocuments } = await import('../../graphql/trusted-documents.ts');
  try {
    readTrustedDocuments(file, schema, queryLimits);
    return [ok('documents', `Every operation that ${file} lists can be run.`)];
  } catch (error) {
    if (error instanceof OperatorError) return [wrong('documents', error.message)];
    throw error;
  }
}

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

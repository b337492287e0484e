import type { Command } from 'commander';
import type { Finding } from './check/finding.ts';
import { print, printJson } from './print.ts';
import { terminalColumns } from './table.ts';

export function addCheck(program: Command): void {
  program
    .command('check')
    .description('Say whether this installation is fit to serve, and how to mend what is not. Changes nothing.')
    .option('--json', 'print the findings as JSON')
    .action(({ json }: { json?: true }) => check(json ?? false));
}

async function check(asJson: boolean): Promise<void> {
  const { inspect } = await import('./check/inspect.ts');
  const { writeFinding, writeVerdict } = await import('./check/report.ts');
  const columns = terminalColumns(process.stdout);
  const findings: Finding[] = [];
  for await (const finding of inspect(process.cwd(), new Date())) {
    findings.push(finding);
    if (!asJson) print(writeFinding(finding, columns));
  }
  const isFit = findings.every(({ level }) => level !== 'wrong');
  if (asJson) printJson({ isFit, findings: findings.map(withRemedy) });
  else print(writeVerdict(findings, columns));
  // Not when the last socket closes: a database that does not answer would keep the process.
  process.stdout.write('', () => process.exit(isFit ? 0 : 1));
}

function withRemedy(finding: Finding) {
  return { ...finding, remedy: finding.remedy ?? null };
}

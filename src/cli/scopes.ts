import type { Command } from 'commander';
import { scopesInWords } from '../auth/scope.ts';
import { loadConfig } from '../config.ts';
import { harmless } from './harmless.ts';
import { print, printJson } from './print.ts';
import type { ScopesOfFiles } from './scopes-of-files.ts';
import { CUT, table, terminalColumns } from './table.ts';
import { countOf } from './words.ts';

export function addScopes(program: Command): void {
  program
    .command('scopes')
    .description('Print the scopes that a token needs for the operations of .graphql files; needs no database.')
    .argument('<files...>', "files, folders or globs in quotes, such as 'src/**/*.graphql'")
    .option('--json', 'print a JSON object')
    .action(async (files: string[], { json }: { json?: true }) => {
      const { scopesOfFiles } = await import('./scopes-of-files.ts');
      const { operations, scopes, schemas } = await scopesOfFiles(files, loadConfig().config.registration);
      if (json) printJson({ operations, scopes });
      else printTable({ operations, scopes });
      for (const file of schemas) process.stderr.write(`${harmless(file)} defines types and asks for nothing.\n`);
    });
}

function printTable({ operations, scopes }: Pick<ScopesOfFiles, 'operations' | 'scopes'>): void {
  const rows = operations.map(({ file, operation, scopes }) => [file, operation ?? '-', scopesInWords(scopes)]);
  const made = table(['FILE', 'OPERATION', 'SCOPES'], rows, terminalColumns(process.stdout));
  print(made.text);
  print(`\n${countOf(operations.length, 'operation')}, together: ${scopesInWords(scopes)}\n`);
  if (made.isCut) process.stderr.write(`${CUT}\n`);
}

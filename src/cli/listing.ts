import { type Command, InvalidArgumentError } from 'commander';
import type { Page } from '../accounts/page.ts';
import { print, printJson } from './print.ts';
import { CUT, table, terminalColumns } from './table.ts';
import { countOf, shellWord } from './words.ts';

const MOST_ROWS = 10_000;

export interface ListingOptions {
  limit: number;
  after?: string;
  json?: true;
}

interface Listing<Row> {
  noun: string;
  page: Page<Row>;
  options: ListingOptions;
  /** A column's head, and what stands under it. */
  columns: Record<string, (row: Row) => string>;
  json(row: Row): object;
  /** The words after `tessera` that list the same. */
  command: string[];
  /** What `--after` takes to go on behind this row. */
  cursor(row: Row): string;
}

/** Gives a command the options that every listing has. */
export function asListing(command: Command, { after }: { after: string }): Command {
  return command
    .option('--limit <number>', `show so many at most (up to ${MOST_ROWS})`, readLimit, 100)
    .option('--after <where>', after)
    .option('--json', 'print a JSON array');
}

/** Prints the page to standard output, and to standard error how many there are and how to see the next. */
export function printListing<Row>({ page, options, columns, json, ...listing }: Listing<Row>): void {
  const { rows } = page;
  let isCut = false;
  if (options.json) {
    printJson(rows.map(json));
  } else if (rows.length > 0) {
    const cells = rows.map((row) => Object.values(columns).map((cell) => cell(row)));
    const made = table(Object.keys(columns), cells, terminalColumns(process.stdout));
    print(made.text);
    isCut = made.isCut;
  }
  process.stderr.write(`${[...footer({ page, options, ...listing }, isCut)].join('\n')}\n`);
}

function* footer<Row>(
  { noun, page, options, command, cursor }: Omit<Listing<Row>, 'columns' | 'json'>,
  isCut: boolean,
): Generator<string> {
  const { rows, total, hasMore } = page;
  const isAll = rows.length === total;
  yield isAll ? `${countOf(total, noun)}.` : `${rows.length.toLocaleString('en')} of ${countOf(total, noun)}.`;
  const last = rows.at(-1);
  if (hasMore && last) {
    const words = ['npx', 'tessera', ...command, '--limit', String(options.limit), ...(options.json ? ['--json'] : [])];
    yield `Next page: ${[...words, '--after', cursor(last)].map(shellWord).join(' ')}`;
  }
  if (isCut) yield CUT;
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d+$/.test(text) || limit < 1 || limit > MOST_ROWS) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${MOST_ROWS}.`);
  }
  return limit;
}

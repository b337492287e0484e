import { type Command, InvalidArgumentError } from 'commander';
import { type AtHand, type Given, gather, type Pairs, takeLeave } from '../conformance/at-hand.ts';
import { TOKEN_CASES } from '../conformance/cases.ts';
import type { Endpoint } from '../conformance/exchange.ts';
import { type Row, runCase } from '../conformance/run-case.ts';
import { OperatorError } from '../errors.ts';
import { harmless } from './harmless.ts';
import { askPassword } from './password.ts';
import { print, printJson } from './print.ts';

interface Options {
  username?: string;
  inactiveUsername?: string;
  passwordStdin?: true;
  pairsStdin?: true;
  origin?: string;
  timeout: number;
  json?: true;
}

type GivenOptions = Omit<Options, 'timeout' | 'json' | 'origin'> & { origin?: string | null };

export function addConformance(program: Command): void {
  program
    .command('conformance')
    .description(
      'Try a server against the contract of its ways in, case by case; needs no database and no configuration.',
    )
    .argument('<url>', 'the GraphQL endpoint, such as http://127.0.0.1:4000/graphql')
    .option('--username <name>', 'log in as this user, spelt as it was made; else one is registered where that is open')
    .option('--inactive-username <name>', 'try to log in as this inactive user, with the same password')
    .option('--password-stdin', 'read the password from standard input; a second line is the inactive user’s key')
    .option('--pairs-stdin', 'read pairs behind them: lines of "expired" or "inactive", an access and a refresh token')
    .option('--origin <origin>', 'the origin that browsers’ requests name; that of the url when left out')
    .option('--timeout <seconds>', 'how long one reply may take', parseTimeout, 10)
    .option('--json', 'print the rows as JSON')
    .action(async (url: string, options: Options) => {
      const endpoint = { url: parseUrl(url), timeoutMs: options.timeout * 1000 };
      const atHand = await gather(endpoint, await readGiven(options));
      const tell = options.json ? () => {} : (text: string) => print(`${text.split('\n').map(harmless).join('\n')}\n`);
      if (atHand.user?.isThrowAway) tell(`Registered the user ${atHand.user.username} for this.\n`);
      const rows = await runAll(endpoint, atHand, (row) => tell(lineOf(row)));
      if (options.json) printJson(rows);
      tell('');
      if (rows.some(isForWantOfUsers)) tell(HINT);
      tell(summaryOfRows(rows));
      if (rows.some(({ result }) => result === 'failed')) process.exitCode = 1;
    });
}

async function runAll(endpoint: Endpoint, atHand: AtHand, onRow: (row: Row) => void): Promise<Row[]> {
  const rows: Row[] = [];
  for (const tokenCase of TOKEN_CASES) {
    const row = await runCase(endpoint, tokenCase, atHand);
    rows.push(row);
    onRow(row);
  }
  // A server that gets logins wrong has failed above; there is nothing of it to tidy.
  await takeLeave(endpoint, atHand).catch(() => {});
  return rows;
}

const HINT = 'Users are named by --username and --inactive-username: see npx tessera conformance --help.';

function isForWantOfUsers(row: Row): boolean {
  return row.result === 'skipped' && row.needs.includes('user');
}

function summaryOfRows(rows: readonly Row[]): string {
  const count = (result: Row['result']) => rows.filter((row) => row.result === result).length;
  return `${count('ok')} ok, ${count('failed')} failed, ${count('skipped')} skipped.`;
}

function lineOf(row: Row): string {
  if (row.result === 'ok') return `ok       ${row.name}`;
  if (row.result === 'skipped') return `skipped  ${row.name} (needs ${row.needs})`;
  return `FAILED   ${row.name}\n         request ${row.step}: expected ${row.expected}; got ${row.got}`;
}

async function readGiven(options: GivenOptions): Promise<Given> {
  const { username, inactiveUsername, passwordStdin, pairsStdin, origin = null } = options;
  const isNamed = username !== undefined || inactiveUsername !== undefined;
  if (isNamed !== Boolean(passwordStdin)) {
    throw new OperatorError(
      isNamed
        ? 'A user named needs a password. Send it with --password-stdin.'
        : '--password-stdin needs to know whose password it is. Name a user with --username.',
    );
  }
  if (pairsStdin && !isNamed)
    throw new OperatorError('--pairs-stdin stands behind a password. Name a user with --username.');
  if (!isNamed) return { user: null, inactive: null, origin };
  const [password = '', key = '', ...lines] = (await askPassword({ fromStdin: true })).split(/\r?\n/);
  return {
    user: username === undefined ? null : { username, password },
    inactive: inactiveUsername === undefined ? null : { username: inactiveUsername, password, key: key || null },
    pairs: pairsStdin ? readPairs(lines) : {},
    origin,
  };
}

function readPairs(lines: readonly string[]): Pairs {
  const pairs = lines.map((line) => {
    const [, name, access, refresh] = /^(expired|inactive) (\S+) (\S+)$/.exec(line) ?? [];
    if (name && access && refresh) return [name, { access, refresh }];
    // Not quoted: it may be half a secret.
    throw new OperatorError('A line behind the key must be "expired" or "inactive", an access and a refresh token.');
  });
  return Object.fromEntries(pairs);
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new OperatorError(
      `The url must be an http or https one, such as http://127.0.0.1:4000/graphql (got "${text}").`,
    );
  }
  // It would be sent as an Authorization header of its own, and be printed.
  if (url.username || url.password) {
    throw new OperatorError('The url must hold no user name and no password. Name a user with --username.');
  }
  url.hash = '';
  return url;
}

function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 300) return seconds;
  throw new InvalidArgumentError('It must be a whole number of seconds from 1 to 300.');
}

import { pino } from 'pino';
import type { TokenSecrets } from '../../auth/key.ts';
import { inspectConfig } from '../../config.ts';
import { findOwner } from '../../database/directory-lock.ts';
import { openToRead, type ReadableDatabase } from '../../database/open.ts';
import { readTokenSecret } from '../../database/token-secrets.ts';
import { judgeChanges } from './changes.ts';
import { judgeConfiguration, judgeTrustedDocuments } from './configuration.ts';
import { hasTables, judgeDatabase, judgeDurability, judgeMigrations, judgeUnreachable } from './database.ts';
import { type Finding, messageOf, ok, wrong } from './finding.ts';
import { judgePermissions } from './permissions.ts';
import { judgeSecrets, judgeSecretsAlone, judgeVariety } from './secrets.ts';
import { judgeConfiguredKeys, judgeKeptKeys } from './signing-keys.ts';
import { judgeUsers } from './users.ts';

const LONGEST_ANSWER_SECONDS = 10;

/**
 * What can be said of the installation in this directory, as it is found; nothing is made, migrated or noted.
 * What is broken is told, and what does not rest on it is judged all the same.
 */
export async function* inspect(
  directory: string,
  now: Date,
  longestAnswerSeconds = LONGEST_ANSWER_SECONDS,
): AsyncGenerator<Finding> {
  function inTime<T>(work: Promise<T>): Promise<T> {
    return within(longestAnswerSeconds, work);
  }
  // What was found, or that it could not be.
  async function told(subject: string, judge: () => Promise<Finding[]>): Promise<Finding[]> {
    try {
      return await inTime(judge());
    } catch (error) {
      return [wrong(subject, `This could not be judged: ${messageOf(error)}.`)];
    }
  }

  const inspected = inspectConfig(directory);
  const { config, secrets } = inspected;
  yield* judgeConfiguration(inspected);
  yield* await judgeTrustedDocuments(config);
  yield* await judgePermissions(inspected, directory);
  yield* judgeVariety(secrets);
  yield* await judgeConfiguredKeys(config, secrets);

  const bad = new Set(inspected.problems.map(({ name }) => name));
  // Which database is meant cannot be told then, and that of another would be judged.
  if (bad.has(null) || bad.has('DATABASE_URL')) return;
  const owner = config.databaseUrl === null ? await findOwner(config.dataDir) : null;
  let open: ReadableDatabase | null;
  try {
    open = await inTime(openToRead(config, pino({ level: 'silent' })));
  } catch (error) {
    yield judgeUnreachable(config, error);
    return;
  }
  let tokenSecrets: TokenSecrets | null = null;
  let areSecretsReadable = !bad.has('TOKEN_SECRETS');
  try {
    tokenSecrets = secrets.tokenSecrets ?? (await readTokenSecret(config.dataDir));
  } catch (error) {
    areSecretsReadable = false;
    yield wrong('secrets', messageOf(error));
  }
  if (open === null) {
    yield ok('database', `The embedded database in ${config.dataDir} has not been made yet; the first start makes it.`);
    yield* judgeDurability(config);
    if (areSecretsReadable) yield judgeSecretsAlone(tokenSecrets);
    return;
  }
  const { pool, database } = open;
  const lifetimes = config.tokenLifetimes;
  try {
    yield* await told('database', () => judgeDatabase(config, pool, owner));
    yield* await told('migrations', () => judgeMigrations(pool));
    if (!bad.has('DIRECT_DATABASE_URL')) yield* await told('changes', () => judgeChanges(config, pool));
    const isEmpty = !(await inTime(hasTables(pool)).catch(() => true));
    if (areSecretsReadable) {
      yield* await told('secrets', async () => [
        isEmpty ? judgeSecretsAlone(tokenSecrets) : await judgeSecrets(database, tokenSecrets, { now, lifetimes }),
      ]);
    }
    if (!isEmpty && areSecretsReadable) {
      yield* await told('signing keys', () => judgeKeptKeys(config, secrets, database, tokenSecrets));
    }
    if (!isEmpty) yield* await told('users', () => judgeUsers(database, now, lifetimes));
  } finally {
    await inTime(open.close()).catch(() => undefined);
  }
}

// A process that was stopped, or a table that somebody has locked, answers never.
async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${seconds} seconds`)), seconds * 1000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

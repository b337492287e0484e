import { constants, type Stats } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { InspectedConfig } from '../../config.ts';
import { refuseUnfitDirectory } from '../../database/directory-lock.ts';
import { tokenSecretPath } from '../../database/token-secrets.ts';
import { type Finding, messageOf, ok, warning, wrong } from './finding.ts';

const SUBJECT = 'permissions';
const OTHERS = 0o007;
const ALL_BUT_OWNER = 0o077;

/** Who may read what must stay secret, and write where the database is. */
export async function judgePermissions(inspected: InspectedConfig, directory: string): Promise<Finding[]> {
  const { config, secrets } = inspected;
  const findings = [await judgeEnvFile(inspected, directory)];
  if (config.databaseUrl === null || secrets.tokenSecrets === null) {
    findings.push(await judgeDataDir(config.dataDir), await judgeTokenSecret(config.dataDir));
  }
  const found = findings.filter((finding) => finding !== null);
  return found.length > 0 ? found : [ok(SUBJECT, 'What must stay secret is readable by its owner alone.')];
}

async function judgeDataDir(dataDir: string): Promise<Finding | null> {
  try {
    await refuseUnfitDirectory(dataDir);
  } catch (error) {
    return wrong(SUBJECT, messageOf(error));
  }
  const found = await lookAt(dataDir);
  if (found === null) return judgePlaceFor(dataDir);
  if (!(found.mode & ALL_BUT_OWNER)) return null;
  const message = `DATA_DIR ${dataDir} can be entered by others than its owner (its mode is ${modeOf(found)}).`;
  return warning(SUBJECT, message, `Run \`chmod 700 ${dataDir}\`.`);
}

async function judgePlaceFor(dataDir: string): Promise<Finding> {
  let place = dirname(resolve(dataDir));
  while ((await lookAt(place)) === null) place = dirname(place);
  const isWritable = await access(place, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isWritable) return ok(SUBJECT, `DATA_DIR ${dataDir} does not exist yet; the first start makes it.`);
  const message = `DATA_DIR ${dataDir} cannot be made: this user may not write in ${place}.`;
  return wrong(SUBJECT, message, 'Let him, make it for him (mode 700), or set another DATA_DIR.');
}

async function judgeTokenSecret(dataDir: string): Promise<Finding | null> {
  const path = tokenSecretPath(dataDir);
  const found = await lookAt(path);
  if (found === null || !(found.mode & ALL_BUT_OWNER)) return null;
  const message = `${path} can be read by others than its owner (its mode is ${modeOf(found)}).`;
  return wrong(SUBJECT, message, `Run \`chmod 600 ${path}\`; whoever has read it can make keys: rotate it.`);
}

async function judgeEnvFile({ config, fromEnvFile }: InspectedConfig, directory: string): Promise<Finding | null> {
  const path = resolve(directory, '.env');
  const found = await lookAt(path);
  const isSecret = fromEnvFile.some((name) => name === 'TOKEN_SECRETS' || name === 'PASSWORD_PEPPER');
  const urls = { DATABASE_URL: config.databaseUrl, DIRECT_DATABASE_URL: config.directDatabaseUrl };
  const hasPassword = Object.entries(urls).some(
    ([name, url]) => fromEnvFile.includes(name) && url !== null && passwordOf(url) !== '',
  );
  // A group may be let in on purpose, as where root owns the file and a service reads it.
  if (found === null || !(isSecret || hasPassword) || !(found.mode & OTHERS)) return null;
  const message = `${path} holds secrets and can be read by every user of this machine (its mode is ${modeOf(found)}).`;
  const remedy = `Run \`chmod 600 ${path}\`.`;
  return config.env === 'production' ? wrong(SUBJECT, message, remedy) : warning(SUBJECT, message, remedy);
}

async function lookAt(path: string): Promise<Stats | null> {
  return stat(path).catch(() => null);
}

function passwordOf(url: string): string {
  return new URL(url).password;
}

function modeOf({ mode }: Stats): string {
  return (mode & 0o777).toString(8);
}

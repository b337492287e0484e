import type { Command } from 'commander';
import { countLiveTokens } from '../accounts/census.ts';
import type { TokenSecrets } from '../auth/key.ts';
import { newSecret } from '../auth/secret.ts';
import { type Config, loadConfig } from '../config.ts';
import { readTokenSecret, refuseForeignSecrets, tokenSecretPath } from '../database/token-secrets.ts';
import { OperatorError } from '../errors.ts';
import { harmless } from './harmless.ts';
import { lookIn } from './look-in.ts';
import { print } from './print.ts';

export function addSecretsRotate(parent: Command): void {
  parent
    .command('rotate')
    .description('Print TOKEN_SECRETS with a fresh secret in front of those in use, and what to do with it.')
    .addHelpText(
      'after',
      '\nChanges nothing by itself. The line is printed to standard output, the advice to standard error.',
    )
    .action(rotate);
}

async function rotate(): Promise<void> {
  const { config, secrets } = loadConfig();
  const inUse = secrets.tokenSecrets ?? (await readTokenSecret(config.dataDir));
  if (inUse === null) {
    throw new OperatorError(
      'There is no secret to rotate: TOKEN_SECRETS is not set, and the first start has yet to make one. ' +
        'Start the server once, or set TOKEN_SECRETS.',
    );
  }
  const resting = await countResting(config, inUse);
  print(`TOKEN_SECRETS=${quoted([newSecret(), ...inUse].join(','))}\n`);
  process.stderr.write(advice({ resting, keptIn: secrets.tokenSecrets ? null : tokenSecretPath(config.dataDir) }));
}

// As both shells and .env files read it; secrets that Tessera made need none.
function quoted(value: string): string {
  if (/^[\w,.+/=:@%-]*$/.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  throw new OperatorError(
    "A secret in use has a ' in it, which shells and .env files read differently. Put the new one, from " +
      '`npx tessera secrets new`, in front of those in use by hand.',
  );
}

/** How many live tokens rest on these secrets, or why that cannot be told. Throws OperatorError when they are foreign. */
async function countResting(config: Config, inUse: TokenSecrets): Promise<number | string> {
  const open = await lookIn(config).catch((error: Error) => error.message);
  if (typeof open === 'string') return open;
  try {
    await refuseForeignSecrets(open.database, inUse);
    return await countLiveTokens(open.database, { now: new Date(), lifetimes: config.tokenLifetimes });
  } finally {
    await open.close();
  }
}

function advice({ resting, keptIn }: { resting: number | string; keptIn: string | null }): string {
  const lines = [
    'Nothing has been changed. To rotate:',
    '1. Set this line on every server, the same on each, and restart one after another.',
    '   Until all have it, keys that one with it makes are refused by those without it.',
    '2. Keys made before stay good while the older secrets are listed. Clients that log in again get a new key.',
    '3. When everybody has had the time to log in again, drop all but the first. Whoever still sends a key of a',
    '   dropped secret is refused and logs in anew. `npx tessera check` counts the tokens that may rest on an older',
    '   one; the number falls as tokens end, not as users log in.',
  ];
  if (keptIn !== null) {
    lines.push(
      `From then on TOKEN_SECRETS counts and ${keptIn} is not read: that is why its secret stands in the line.`,
    );
  }
  lines.push(
    typeof resting === 'number'
      ? `Live tokens that rest on the secrets in use: ${resting}.`
      : `How many live tokens rest on the secrets in use cannot be told: ${resting}`,
  );
  return `${lines.map(harmless).join('\n')}\n`;
}

import type { Command } from 'commander';
import { proveOrNull } from '../accounts/password-proof.ts';
import { findViewer } from '../accounts/viewers.ts';
import { type Explanation, explainCredential } from '../auth/explain.ts';
import type { TokenSecrets } from '../auth/key.ts';
import { createPasswords } from '../auth/password.ts';
import { readSentHeader } from '../auth/sent-credential.ts';
import { loadConfig } from '../config.ts';
import type { Database } from '../database/client.ts';
import { NOBODY } from '../database/origin.ts';
import { readTokenSecret, refuseForeignSecrets } from '../database/token-secrets.ts';
import { OperatorError } from '../errors.ts';
import { accessTokensOf, browserOptionsOf, createWays, namesInAccessTokens } from '../schemes.ts';
import { lookedUpKeys } from '../signing-keys.ts';
import { readCredential } from './explain/input.ts';
import { explanationJson, type Installation, writeExplanation } from './explain/report.ts';
import { type LookedInto, lookIn } from './look-in.ts';
import { print, printJson } from './print.ts';

const HELP = `
A key (tsr_…), an access token, a cookie’s value (tsrs_…), an Authorization header’s value (Token tsr_…) or a
whole header (Authorization: Token tsr_…). Of a cookie it is said what comes of it from a page of the server’s own.
Without one, or with -, it is read from standard input. That is the better way: other users of this machine can
see an argument, and the shell keeps it in its history.

Prints neither the key nor a secret. Exits with 0 when the server would accept it, with 1 when not.`;

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('Say whether the server would accept a key or header, and why not.')
    .argument('[credential...]', 'read from standard input when left out')
    .option('--json', 'print the explanation as JSON')
    .addHelpText('after', HELP)
    .action(async (words: string[], { json }: { json?: true }) => {
      const { explanation, ...installation } = await explain(await readCredential(words));
      if (json) printJson(explanationJson(explanation, installation));
      else print(writeExplanation(explanation, installation));
      process.exitCode = explanation.isAccepted ? 0 : 1;
    });
}

/** Asks the schemes that the server asks; the database is opened when they do, and not before. */
async function explain(credential: string | null): Promise<Installation & { explanation: Explanation }> {
  const { config, secrets } = loadConfig();
  const tokenSecrets = secrets.tokenSecrets ?? (await readTokenSecret(config.dataDir));
  if (tokenSecrets === null) {
    throw new OperatorError(
      'There is no secret yet, so there are no keys: TOKEN_SECRETS is not set, and no server has started. ' +
        'Start the server once, or set TOKEN_SECRETS.',
    );
  }
  const now = new Date();
  let open: LookedInto | undefined;
  async function openOnce(): Promise<Database> {
    open ??= await lookIn(config);
    await refuseForeignSecrets(open.database, tokenSecrets as TokenSecrets);
    return open.database;
  }
  const passwords = createPasswords({ cost: config.bcryptCost, pepper: secrets.passwordPepper });
  const accessTokens = accessTokensOf(config, lookedUpKeys(config, secrets, tokenSecrets, openOnce));
  const parts = {
    tokenSecrets,
    accessTokens,
    prove: async (username: string, password: string) =>
      proveOrNull(
        { database: await openOnce(), passwords, throttle: null },
        { username, password },
        { ...NOBODY, knownAs: null },
        now,
      ),
    now: () => now,
  };
  const { tokenKeyword: keyword, tokenLifetimes: lifetimes } = config;
  const cookieName = browserOptionsOf(config).cookie.name;
  try {
    const explanation = await explainCredential(
      credential === null ? null : readSentHeader(credential, { keyword, cookieName }),
      (findViewer) => createWays(config, { ...parts, findViewer }),
      async (tokenId) => findViewer(await openOnce(), tokenId),
    );
    return { explanation, secrets: tokenSecrets.length, lifetimes, ...namesInAccessTokens(config) };
  } finally {
    await open?.close();
  }
}

import { countLiveTokens } from '../../accounts/census.ts';
import type { TokenLifetimes } from '../../auth/expiry.ts';
import { fingerprintOf, type TokenSecrets } from '../../auth/key.ts';
import { isLowVariety } from '../../auth/secret.ts';
import type { Secrets } from '../../config.ts';
import type { Database } from '../../database/client.ts';
import { refuseForeignSecrets } from '../../database/token-secrets.ts';
import { countOf } from '../words.ts';
import { type Finding, messageOf, ok, warning, wrong } from './finding.ts';

const SUBJECT = 'secrets';

/** Secrets that look typed and not drawn. */
export function judgeVariety({ tokenSecrets, passwordPepper, metricsToken }: Secrets): Finding[] {
  const findings: Finding[] = [];
  for (const [place, secret] of (tokenSecrets ?? []).entries()) {
    if (!isLowVariety(secret)) continue;
    const message = `The ${nth(place)} secret in TOKEN_SECRETS has so little variety that it can be guessed.`;
    findings.push(warning(SUBJECT, message, 'Rotate to one that was drawn: `npx tessera secrets rotate`.'));
  }
  if (passwordPepper !== null && isLowVariety(passwordPepper)) {
    const message = 'PASSWORD_PEPPER has so little variety that it can be guessed.';
    const remedy =
      'Make one with `npx tessera secrets new`; changing it ends every password, so best before there are any.';
    findings.push(warning(SUBJECT, message, remedy));
  }
  if (metricsToken !== null && isLowVariety(metricsToken)) {
    const message = 'METRICS_TOKEN has so little variety that it can be guessed.';
    findings.push(warning(SUBJECT, message, 'Make one with `npx tessera secrets new`, and give it to Prometheus.'));
  }
  return findings;
}

/** What can be said of the secrets while there is no database yet. */
export function judgeSecretsAlone(secrets: TokenSecrets | null): Finding {
  if (secrets === null) return ok(SUBJECT, 'There is none yet; the first start makes one in DATA_DIR.');
  return ok(SUBJECT, `${countOf(secrets.length, 'secret')}; no key has been derived yet.`);
}

/** Whether the database's keys were derived from these secrets, and how many rest on an older one. */
export async function judgeSecrets(
  database: Database,
  secrets: TokenSecrets | null,
  { now, lifetimes }: { now: Date; lifetimes: TokenLifetimes },
): Promise<Finding> {
  const known = new Map(
    (await database.secretFingerprint.findMany()).map((row) => [row.fingerprint, row.firstSeenAt] as const),
  );
  if (known.size === 0) return judgeSecretsAlone(secrets);
  if (secrets === null) {
    const message =
      'The secret that this database’s keys were derived from is gone: TOKEN_SECRETS is not set, and DATA_DIR has none.';
    return wrong(SUBJECT, message, 'Put it back, in DATA_DIR/token-secret or in TOKEN_SECRETS.');
  }
  try {
    await refuseForeignSecrets(database, secrets);
  } catch (error) {
    return wrong(SUBJECT, messageOf(error));
  }
  if (secrets.length === 1) return ok(SUBJECT, 'One secret, which the database knows.');
  const newestSince = known.get(fingerprintOf(secrets[0])) ?? null;
  const resting = await countLiveTokens(database, { now, lifetimes, madeBefore: newestSince });
  return ok(SUBJECT, `${countOf(secrets.length, 'secret')}, newest first. ${restOn(resting, newestSince)}`);
}

function restOn(tokens: number, newestSince: Date | null): string {
  if (newestSince === null) {
    return `No server has started with the newest yet: all ${countOf(tokens, 'live token')} rest on an older one.`;
  }
  const since = newestSince.toISOString();
  if (tokens === 0) {
    return `No live token was made before ${since}, when the newest was first seen. If every server has run with it since then, the older ones can be dropped.`;
  }
  return `${countOf(tokens, 'live token')} made before ${since}, when the newest was first seen, may rest on an older one. Whose key does is refused when that is dropped, and logs in anew.`;
}

function nth(place: number): string {
  return ['first', 'second', 'third'][place] ?? `${place + 1}th`;
}

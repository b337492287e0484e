import { expiryOf, lifetimeOf, type TokenLifetimes } from '../../auth/expiry.ts';
import type { Explanation, Reason } from '../../auth/explain.ts';
import { writeDuration } from '../../duration.ts';
import { globalIdOf } from '../../graphql/global-id.ts';
import { harmless } from '../harmless.ts';

/** What of the configuration an explanation refers to. */
export interface Installation {
  /** How many secrets are listed. */
  secrets: number;
  lifetimes: TokenLifetimes;
}

const REASONS: Record<Reason, string> = {
  unsendable: 'No request can carry it: it has a line break or another control character, or is too long.',
  'no-scheme': 'No scheme of this server reads it, so the request counts as one without credentials.',
  'no-credentials': 'The header has no key in it.',
  spaces: 'There is something behind the key, or white space in it.',
  'invalid-characters': 'It has bytes that are no text.',
  'two-credentials': 'Two credentials were sent.',
  prefix: 'It is malformed: a key begins with tsr_, in lower case.',
  length: 'It is malformed: a key has 43 characters after tsr_. Was it cut, or lengthened?',
  alphabet: 'It is malformed: a key has letters, digits, - and _ alone.',
  spelling: 'It is not canonical: its last character is not the one that a key of this server has there.',
  'foreign-secret':
    'It was derived from no secret of this server: forged, mistyped, or made under a secret that is not listed.',
  'no-such-token': 'There is no such token: it was revoked, or its user deleted.',
  expired: 'Its token has expired.',
  'lifetime-over': 'Its token expired at {instant}, {lifetime} after it was made (TOKEN_LIFETIME). Log in again.',
  idle: 'Its token expired at {instant}, not having been used for {idle} (TOKEN_IDLE_LIFETIME). Log in again.',
  superseded: 'Its token was superseded by another of the same name, and the time for both is over.',
  'user-inactive': 'Its user is inactive.',
};

/** The explanation for a person, one thing a line. */
export function writeExplanation(explanation: Explanation, installation: Installation): string {
  const { isAccepted, reason } = explanation;
  const verdict = isAccepted ? 'Accepted.' : `Not accepted. ${sentenceOf(explanation, installation)}`;
  const rows = Object.entries(factsOf(explanation, installation)).filter(
    (row): row is [string, string] => row[1] !== null,
  );
  const lines = rows.map(([label, value]) => `  ${label.padEnd(10)}  ${harmless(value)}`);
  return `${[verdict, ...(reason === 'foreign-secret' && explanation.found ? [UNPROVED] : []), ...lines].join('\n')}\n`;
}

const UNPROVED = 'The id in it is that of the token below, which proves nothing: ids are no secret.';

/** The same as an object for JSON, with the same keys whatever is known. */
export function explanationJson(explanation: Explanation, installation: Installation) {
  const { isAccepted, scheme, reason, answer, secretAt, found } = explanation;
  return {
    isAccepted,
    scheme,
    reason,
    message: isAccepted ? null : sentenceOf(explanation, installation),
    answer,
    secret: secretAt === null ? null : { place: secretAt + 1, of: installation.secrets },
    isProved: secretAt !== null,
    token: found && {
      id: globalIdOf('Token', found.token.id),
      name: found.token.name,
      kind: found.token.kind,
      createdAt: found.token.createdAt,
      expiresAt: expiryOf(found.token, installation.lifetimes),
      lastUsedAt: found.token.lastUsedAt,
      supersededAt: found.token.supersededAt,
    },
    user: found && {
      id: globalIdOf('User', found.user.id),
      username: found.user.username,
      isActive: found.user.isActive,
    },
  };
}

function sentenceOf({ reason, answer, found }: Explanation, { lifetimes }: Installation): string {
  if (reason === null) return answer?.message ?? '';
  const { lifetimeSeconds, idleLifetimeSeconds } = lifetimeOf(found?.token.kind ?? '', lifetimes);
  return REASONS[reason]
    .replace('{instant}', () => (found && expiryOf(found.token, lifetimes)?.toISOString()) ?? '')
    .replace('{lifetime}', () => writeDuration(lifetimeSeconds ?? 0))
    .replace('{idle}', () => writeDuration(idleLifetimeSeconds ?? 0));
}

function factsOf(explanation: Explanation, { secrets, lifetimes }: Installation): Record<string, string | null> {
  const { scheme, answer, secretAt, found } = explanation;
  return {
    Scheme: scheme,
    Answer: answer && `${answer.status} ${answer.code}: ${answer.message}`,
    Secret: secretAt === null ? null : secretOf(secretAt, secrets),
    Token: found && globalIdOf('Token', found.token.id),
    Name: found?.token.name ?? null,
    Kind: found?.token.kind ?? null,
    User: found && `${found.user.username}${found.user.isActive ? '' : ' (inactive)'}`,
    Created: found?.token.createdAt.toISOString() ?? null,
    Expires: found && (expiryOf(found.token, lifetimes)?.toISOString() ?? 'never'),
    'Last used': found && (found.token.lastUsedAt?.toISOString() ?? 'never'),
    Superseded: found?.token.supersededAt?.toISOString() ?? null,
  };
}

function secretOf(secretAt: number, secrets: number): string {
  if (secretAt === 0) return secrets === 1 ? 'the one there is' : `the newest of ${secrets}`;
  return `number ${secretAt + 1} of ${secrets}, an older one: log in again for a key of the newest`;
}

import { expiryOf, lifetimeOf, type TokenLifetimes } from '../../auth/expiry.ts';
import type { Explanation, Reason } from '../../auth/explain.ts';
import { SESSION_USE, TOKEN_USE } from '../../auth/key.ts';
import { writeDuration } from '../../duration.ts';
import { globalIdOf } from '../../graphql/global-id.ts';
import { harmless } from '../harmless.ts';

/** What of the configuration an explanation refers to. */
export interface Installation {
  /** How many secrets are listed. */
  secrets: number;
  lifetimes: TokenLifetimes;
  /** Whom access tokens name here. */
  issuer: string;
  audience: string;
}

const REASONS: Record<Reason, string> = {
  unsendable: 'No request can carry it: it has a line break or another control character, or is too long.',
  'no-scheme': 'No scheme of this server reads it, so the request counts as one without credentials.',
  'no-credentials': 'The header has no key in it.',
  spaces: 'There is something behind the key, or white space in it.',
  'invalid-characters': 'It has bytes that are no text.',
  'two-credentials': 'Two credentials were sent.',
  prefix: 'It is malformed: a key begins with {prefix}, in lower case.',
  length: 'It is malformed: a key has 43 characters after {prefix}. Was it cut, or lengthened?',
  alphabet: 'It is malformed: a key has letters, digits, - and _ alone.',
  spelling: 'It is not canonical: its last character is not the one that a key of this server has there.',
  'foreign-secret':
    'It was derived from no secret of this server: forged, mistyped, or made under a secret that is not listed.',
  'no-such-token': 'There is no such token: it was revoked, or its user deleted.',
  expired: 'Its token has expired.',
  'lifetime-over': 'Its token expired at {instant}, {lifetime} after it was made ({kind}_LIFETIME). Log in again.',
  idle: 'Its token expired at {instant}, not having been used for {idle} ({kind}_IDLE_LIFETIME). Log in again.',
  superseded: 'Its token was superseded by another of the same name, and the time for both is over.',
  'user-inactive': 'Its user is inactive.',
  'refresh-token': 'It is a refresh token: refreshTokenPair takes it, and no request is let in by it.',
  refused: '{answer}',
  'jwt-shape':
    'It is malformed: an access token has three parts of base64url, the first two of JSON, and asks for nothing else (crit). Was it cut, or lengthened?',
  'jwt-key':
    'It names no key that counts here now, or an algorithm that is not of that key: the key has ended (keys list), or is another server’s.',
  'jwt-signature': 'Its signature is not by the key that it names: it was changed, or forged.',
  'jwt-type': 'It is a JSON web token, and no access token: those have the typ at+jwt.',
  'jwt-issuer': 'Its issuer is {theirIssuer}, and here it is {issuer} (JWT_ISSUER, or PUBLIC_URL).',
  'jwt-audience': 'Its audience is {theirAudience}, and here it is {audience} (JWT_AUDIENCE, or the issuer).',
  'jwt-early': 'It is not good yet (nbf).',
  'jwt-claims': 'A claim is missing, or is not as this server writes it: sub, sid, jti, iat, exp, scope, username.',
  'jwt-expired': 'It expired at {until}. Refresh its pair.',
  'pair-ended': 'Its pair has ended: it was revoked, or its user deleted.',
  'pair-expired': 'Its pair has expired.',
};

/** The explanation for a person, one thing a line. */
export function writeExplanation(explanation: Explanation, installation: Installation): string {
  const { isAccepted } = explanation;
  const verdict = isAccepted ? 'Accepted.' : `Not accepted. ${sentenceOf(explanation, installation)}`;
  const facts = explanation.access ? accessFactsOf(explanation) : {};
  const rows = Object.entries({ ...factsOf(explanation, installation), ...facts }).filter(
    (row): row is [string, string] => row[1] !== null,
  );
  const lines = rows.map(([label, value]) => `  ${label.padEnd(10)}  ${harmless(value)}`);
  return `${[harmless(verdict), ...remarksOn(explanation), ...lines].join('\n')}\n`;
}

function remarksOn({ isAccepted, reason, found, access }: Explanation): string[] {
  if (reason === 'foreign-secret' && found) {
    return ['The id in it is that of the token below, which proves nothing: ids are no secret.'];
  }
  if (isAccepted && access?.pairFlaw) {
    return [`${REASONS[access.pairFlaw]} JWT_CHECK is signature, which does not ask: it is good until it expires.`];
  }
  return [];
}

/** The same as an object for JSON, with the same keys whatever is known. */
export function explanationJson(explanation: Explanation, installation: Installation) {
  const { isAccepted, scheme, reason, answer, secretAt, found, access } = explanation;
  const signed = access?.signed ?? null;
  return {
    isAccepted,
    scheme: scheme?.challenge ?? null,
    reason,
    message: isAccepted ? null : sentenceOf(explanation, installation),
    answer,
    secret: secretAt === null ? null : { place: secretAt + 1, of: installation.secrets },
    isProved: secretAt !== null || signed !== null,
    access: access && {
      ...access.said,
      issuedAt: signed?.issuedAt ?? null,
      expiresAt: signed?.expiresAt ?? null,
      scopes: signed?.claims.scopes ?? null,
      pairFlaw: access.pairFlaw,
    },
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

function sentenceOf({ scheme, reason, answer, found, access }: Explanation, installation: Installation): string {
  if (reason === null) return answer?.message ?? '';
  const { lifetimes, issuer, audience } = installation;
  const { lifetimeSeconds, idleLifetimeSeconds } = lifetimeOf(found?.token.kind ?? '', lifetimes);
  const words: Record<string, string> = {
    answer: answer?.message ?? '',
    prefix: scheme?.name === 'session' ? SESSION_USE.prefix : TOKEN_USE.prefix,
    kind: found?.token.kind === 'SESSION' ? 'SESSION' : 'TOKEN',
    instant: (found && expiryOf(found.token, lifetimes)?.toISOString()) ?? '',
    lifetime: writeDuration(lifetimeSeconds ?? 0),
    idle: writeDuration(idleLifetimeSeconds ?? 0),
    until: access?.signed?.expiresAt.toISOString() ?? '',
    theirIssuer: access?.said.issuer ?? 'none',
    theirAudience: access?.said.audience ?? 'none',
    issuer,
    audience,
  };
  return REASONS[reason].replaceAll(/\{(\w+)\}/g, (_all, name: string) => words[name] ?? '');
}

function factsOf(explanation: Explanation, { secrets, lifetimes }: Installation): Record<string, string | null> {
  const { scheme, answer, secretAt, found } = explanation;
  return {
    Scheme: scheme?.challenge ?? null,
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

/** What an access token says, behind what is known of its pair. */
function accessFactsOf({ access }: Explanation): Record<string, string | null> {
  const { said, signed } = access ?? {};
  return {
    'Signed by': said?.keyId ?? null,
    Issued: signed?.issuedAt.toISOString() ?? null,
    'Good until': signed?.expiresAt.toISOString() ?? null,
    Scopes: signed?.claims.scopes.join(' ') ?? null,
  };
}

function secretOf(secretAt: number, secrets: number): string {
  if (secretAt === 0) return secrets === 1 ? 'the one there is' : `the newest of ${secrets}`;
  return `number ${secretAt + 1} of ${secrets}, an older one: log in again for a key of the newest`;
}

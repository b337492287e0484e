import { type AccessTokens, createAccessTokens } from './auth/access-token.ts';
import { sessionCookie } from './auth/cookie.ts';
import type { TokenSecrets } from './auth/key.ts';
import type { Scheme, SchemeName } from './auth/scheme.ts';
import { type BasicSchemeOptions, basicScheme } from './auth/schemes/basic.ts';
import { jwtScheme } from './auth/schemes/jwt.ts';
import { sessionScheme } from './auth/schemes/session.ts';
import { type TokenSchemeOptions, tokenScheme } from './auth/schemes/token.ts';
import type { SigningKeys } from './auth/signing-keys.ts';
import { type Config, isLoopbackUrl, LOOPBACK_HOSTS, publicUrlOf } from './config.ts';
import { globalIdOf, parseGlobalId } from './graphql/global-id.ts';
import type { BrowserOptions } from './http/browser.ts';

export interface SchemeParts {
  tokenSecrets: TokenSecrets;
  /** Null: nobody comes in by them here. */
  accessTokens: AccessTokens | null;
  findViewer: TokenSchemeOptions['findViewer'];
  /** For Basic. */
  prove: BasicSchemeOptions['prove'];
  noteUse?: TokenSchemeOptions['noteUse'];
  now(): Date;
}

/** The ways in which a request can say who is calling, in the order in which they are asked. */
export function createSchemes(config: Config, parts: SchemeParts): Scheme[] {
  const { accessTokens, tokenSecrets: secrets, findViewer, prove, noteUse = () => {}, now } = parts;
  const lifetimes = config.tokenLifetimes;
  const isStrict = config.jwt.check === 'strict';
  const takesEveryBearer = config.tokenKeyword.toLowerCase() !== 'bearer' || !config.authentication.includes('token');
  const makers: Record<SchemeName, () => Scheme | null> = {
    token: () => tokenScheme(tokenSchemeOptions(config, parts)),
    jwt: () =>
      accessTokens && jwtScheme({ accessTokens, takesEveryBearer, isStrict, findViewer, lifetimes, noteUse, now }),
    session: () => {
      const { cookie, origins } = browserOptionsOf(config);
      return sessionScheme({ cookieName: cookie.name, origins, secrets, findViewer, lifetimes, noteUse, now });
    },
    basic: () => basicScheme({ prove }),
  };
  return config.authentication.flatMap((name) => makers[name]() ?? []);
}

/** How sessions are kept in browsers, and which pages may use them; never decided by what a request says. */
export function browserOptionsOf(config: Config): BrowserOptions {
  const publicUrl = publicUrlOf(config);
  const cookie = sessionCookie(publicUrl.startsWith('https:'), config.tokenLifetimes.SESSION.lifetimeSeconds);
  return { cookie, origins: [...sameOrigins(publicUrl), ...config.trustedOrigins] };
}

/** A machine has several names for itself: a page of one is a page of them all. */
function sameOrigins(publicUrl: string): string[] {
  const { protocol, port } = new URL(publicUrl);
  if (!isLoopbackUrl(publicUrl)) return [publicUrl];
  return LOOPBACK_HOSTS.map((host) => new URL(`${protocol}//${host}${port && `:${port}`}`).origin);
}

/** What keys are judged by, for the server and for whoever explains what the server does. */
export function tokenSchemeOptions(config: Config, parts: SchemeParts): TokenSchemeOptions {
  const { tokenSecrets, findViewer, noteUse = () => {}, now } = parts;
  const { tokenKeyword, tokenLifetimes, authentication } = config;
  return {
    keyword: tokenKeyword,
    leavesJwts: authentication.includes('jwt'),
    secrets: tokenSecrets,
    findViewer,
    lifetimes: tokenLifetimes,
    noteUse,
    now,
  };
}

/** Access tokens as this configuration has them; null without keys. */
export function accessTokensOf(config: Config, keys: SigningKeys | null): AccessTokens | null {
  const { issuer, audience, accessLifetimeSeconds } = config.jwt;
  const issuing = issuer ?? publicUrlOf(config);
  return (
    keys &&
    createAccessTokens({
      keys,
      issuer: issuing,
      audience: audience ?? issuing,
      lifetimeSeconds: accessLifetimeSeconds,
      ids: {
        nameOf: globalIdOf,
        read(typename, name) {
          const read = parseGlobalId(name);
          return read?.typename === typename ? read.id : null;
        },
      },
    })
  );
}

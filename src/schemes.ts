import { type AccessTokens, createAccessTokens } from './auth/access-token.ts';
import { sessionCookie } from './auth/cookie.ts';
import type { TokenSecrets } from './auth/key.ts';
import type { Scheme, SchemeName } from './auth/scheme.ts';
import { type BasicSchemeOptions, basicScheme } from './auth/schemes/basic.ts';
import { jwtScheme } from './auth/schemes/jwt.ts';
import { sessionScheme } from './auth/schemes/session.ts';
import { type TokenSchemeOptions, tokenScheme } from './auth/schemes/token.ts';
import type { SigningKeys } from './auth/signing-keys.ts';
import { isLoopbackUrl, LOOPBACK_HOSTS } from './config/loopback.ts';
import { type Config, publicUrlOf } from './config.ts';
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
  noteRefusal?: TokenSchemeOptions['noteRefusal'];
  provedKeys?: TokenSchemeOptions['proved'];
  now(): Date;
}

/** The ways in which a request can say who is calling, in the order in which they are asked. */
export function createSchemes(config: Config, parts: SchemeParts): Scheme[] {
  return createWays(config, parts).schemes;
}

/** As createSchemes, with what they judge by, for whoever explains what the server does. */
export function createWays(config: Config, parts: SchemeParts) {
  const options = schemeOptionsOf(config, parts);
  const makers: Record<SchemeName, () => Scheme | null> = {
    token: () => tokenScheme(options.token),
    jwt: () => options.jwt && jwtScheme(options.jwt),
    session: () => sessionScheme(options.session),
    basic: () => basicScheme({ prove: parts.prove, origins: options.session.origins }),
  };
  return { schemes: config.authentication.flatMap((name) => makers[name]() ?? []), ...options };
}

function schemeOptionsOf(config: Config, parts: SchemeParts) {
  const { accessTokens, tokenSecrets: secrets, findViewer, noteUse = () => {}, noteRefusal = () => {}, now } = parts;
  const { provedKeys: proved } = parts;
  const { tokenKeyword, tokenLifetimes, authentication } = config;
  const { cookie, origins } = browserOptionsOf(config);
  const judging = { secrets, findViewer, lifetimes: tokenLifetimes, noteUse, noteRefusal, proved, now };
  return {
    token: { ...judging, keyword: tokenKeyword, leavesJwts: authentication.includes('jwt') },
    jwt: accessTokens && {
      ...judging,
      accessTokens,
      takesEveryBearer: tokenKeyword.toLowerCase() !== 'bearer' || !authentication.includes('token'),
      isStrict: config.jwt.check === 'strict',
    },
    session: { ...judging, cookieName: cookie.name, origins },
  };
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

/** Whom access tokens name as their issuer and their audience. */
export function namesInAccessTokens({ jwt, ...config }: Config): { issuer: string; audience: string } {
  const issuer = jwt.issuer ?? publicUrlOf(config);
  return { issuer, audience: jwt.audience ?? issuer };
}

/** Access tokens as this configuration has them; null without keys. */
export function accessTokensOf(config: Config, keys: SigningKeys | null): AccessTokens | null {
  return (
    keys &&
    createAccessTokens({
      keys,
      ...namesInAccessTokens(config),
      lifetimeSeconds: config.jwt.accessLifetimeSeconds,
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

import type { TokenSecrets } from './auth/key.ts';
import type { Scheme, SchemeName } from './auth/scheme.ts';
import { type TokenSchemeOptions, tokenScheme } from './auth/schemes/token.ts';
import type { Config } from './config.ts';

interface SchemeParts {
  tokenSecrets: TokenSecrets;
  findViewer: TokenSchemeOptions['findViewer'];
  noteUse?: TokenSchemeOptions['noteUse'];
  now(): Date;
}

/** The ways in which a request can say who is calling, in the order in which they are asked. */
export function createSchemes(config: Config, parts: SchemeParts): Scheme[] {
  const makers: Partial<Record<SchemeName, () => Scheme>> = {
    token: () => tokenScheme(tokenSchemeOptions(config, parts)),
  };
  return config.authentication.flatMap((name) => makers[name]?.() ?? []);
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

import type { Logger } from 'pino';
import type { Passwords } from './auth/password.ts';
import type { Config, Secrets } from './config.ts';
import type { Tracing } from './http/use-tracing.ts';
import { versionOf } from './version.ts';

/** What makes and sends traces, or null where none are asked for. What it takes is loaded only then. */
export async function prepareTracing(
  { tracing: rules }: Config,
  { tracingHeaders }: Secrets,
  log: Logger,
): Promise<Tracing | null> {
  if (rules === null) return null;
  const { createTracing } = await import('./open-telemetry.ts');
  return createTracing(rules, { headers: tracingHeaders ?? {}, version: versionOf(), log });
}

/** The same passwords, whose work is a step of the request that it is done for. */
export function tracedPasswords<Given extends Passwords>(passwords: Given, step: string, tracing?: Tracing | null) {
  if (!tracing) return passwords;
  return {
    ...passwords,
    hash: (password: string) => tracing.within(step, () => passwords.hash(password)),
    verify: (password: string, passwordHash: string | null) =>
      tracing.within(step, () => passwords.verify(password, passwordHash)),
  };
}

import type { SchemeName } from '../auth/scheme.ts';
import { RequestRefused } from '../errors.ts';
import type { ServerContext } from './context.ts';

/** Throws RequestRefused where nobody comes in by this scheme: what would be handed out would open nothing. */
export function requireWayIn({ authentication }: Pick<ServerContext, 'authentication'>, name: SchemeName): void {
  if (authentication.includes(name)) return;
  throw new RequestRefused('FORBIDDEN', `This way in is closed: AUTHENTICATION on this server does not name ${name}.`);
}

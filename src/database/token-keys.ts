import { Prisma } from '@prisma/client/extension';
import { keyOf, type TokenSecrets } from '../auth/key.ts';

/**
 * A Prisma client extension that gives every token it reads a `key()`, when `id` is among what was read.
 * A function, not a string: JSON, console and templates show no key unless somebody asks for it by a call.
 */
export function tokenKeys({ secrets }: { secrets: TokenSecrets }) {
  return Prisma.defineExtension({
    name: 'tessera-token-keys',
    result: {
      token: {
        key: {
          needs: { id: true },
          compute: (token: { id: string }) => () => keyOf(token, secrets),
        },
      },
    },
  });
}

import type { TokenViewer } from '../auth/viewer.ts';

/** A look-up of one token that asks, in one query, for all that are wanted in the same moment. */
export function batched(
  findMany: (tokenIds: readonly string[]) => Promise<TokenViewer[]>,
): (tokenId: string) => Promise<TokenViewer | null> {
  let asking: { ids: Set<string>; found: Promise<Map<string, TokenViewer>> } | null = null;

  async function ask(ids: ReadonlySet<string>): Promise<Map<string, TokenViewer>> {
    await new Promise(setImmediate);
    // Whoever asks from now on must not be given what is read now.
    asking = null;
    return new Map((await findMany([...ids])).map((viewer) => [viewer.token.id, viewer]));
  }

  return async (tokenId) => {
    if (!asking) {
      const ids = new Set<string>();
      asking = { ids, found: ask(ids) };
    }
    asking.ids.add(tokenId);
    return (await asking.found).get(tokenId) ?? null;
  };
}

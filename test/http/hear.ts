import { createClient } from 'graphql-sse';
import { onTestFinished } from 'vitest';

export const HEAR = 'subscription Hear { tokenEvents { kind tokenId name at } }';

/** A subscription by graphql-sse's own client, and what it is told; left at the end of the test at the latest. */
export async function hear(url: string, key: string, query = HEAR) {
  const client = createClient({ url, headers: { authorization: `Token ${key}` }, retryAttempts: 0 });
  const results: unknown[] = [];
  const heard = { results, end: null as unknown, leave: () => client.dispose() };
  onTestFinished(heard.leave);
  await new Promise<void>((resolve, reject) => {
    client.subscribe(
      { query },
      {
        next: (result) => results.push(result),
        error: (error) => {
          heard.end = error;
          reject(error);
        },
        complete: () => {
          heard.end = 'complete';
        },
      },
      { connected: () => resolve() },
    );
  });
  return heard;
}

/** The error that a client is told last, by its code and words. */
export function lastError(code: string, message: string) {
  return { errors: [{ message, extensions: { code } }] };
}

export const OVERLOADED = lastError('OVERLOADED', 'The server cannot answer just now. Try again in a moment.');

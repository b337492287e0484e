import { print } from 'graphql';
import { createClient, type NetworkError } from 'graphql-sse';
import { TokenEventsDocument, type TokenEventsSubscription } from './generated/graphql.ts';
import { authorization, noticeRefusal, type Session } from './session.ts';

interface Listener {
  /** Called each time the stream begins: read what there is now, for something may have been missed. */
  begin(): void;
  hear(event: TokenEventsSubscription['tokenEvents']): void;
}

/** What a stream that is refused at the door is refused for. */
const CODES: Record<number, string> = { 401: 'AUTHENTICATION_FAILED', 403: 'FORBIDDEN' };
/** What no waiting helps against. */
const FINAL: unknown[] = ['UNAUTHENTICATED', 'AUTHENTICATION_FAILED', 'FORBIDDEN'];
const PAUSE_MS = 1_000;

/** Listens until `signal` says that it is enough, or the user may listen no more: then with the code of the refusal. */
export async function followTokens(url: string, session: Session, listener: Listener, signal: AbortSignal) {
  while (!signal.aborted) {
    const code = await listen(url, session, listener, signal);
    noticeRefusal(session, code);
    if (FINAL.includes(code)) return code;
    // OVERLOADED, a server that restarts, a line that broke: again, in a moment.
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return null;
}

async function listen(url: string, session: Session, { begin, hear }: Listener, signal: AbortSignal) {
  // It would try again five times where the key is dead.
  const client = createClient({ url, headers: () => authorization(session), retryAttempts: 0 });
  const query = print(TokenEventsDocument);
  signal.addEventListener('abort', client.dispose, { once: true });
  let code: unknown;
  try {
    for await (const { data, errors } of client.iterate<TokenEventsSubscription>({ query }, { connected: begin })) {
      if (data) hear(data.tokenEvents);
      code = errors?.[0]?.extensions?.code;
    }
  } catch (error) {
    code = CODES[(error as NetworkError<Response>).response?.status ?? 0];
  } finally {
    signal.removeEventListener('abort', client.dispose);
  }
  return code;
}

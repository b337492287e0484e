/** Who is signed in, as far as the page knows: the cookie itself is the browser's. */
export interface Session {
  username: string | null;
}

/** By this header the cookie counts: no page of another origin can send it. */
export function authorization(_session: Session): Record<string, string> {
  return { 'X-Tessera-CSRF': '1' };
}

/** Give it the code of every refusal: when the session is over, the page shows its login form again. */
export function noticeRefusal(session: Session, code: unknown): void {
  if (code === 'UNAUTHENTICATED' || code === 'AUTHENTICATION_FAILED') session.username = null;
}

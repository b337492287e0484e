/** Who is signed in, for as long as the page is open. */
export interface Session {
  key: string | null;
}

/** The header that says who is calling; none for a stranger. */
export function authorization({ key }: Session): Record<string, string> {
  return key === null ? {} : { Authorization: `Token ${key}` };
}

/** Give it the code of every refusal: a key that is refused is dead, and the page shows its login form again. */
export function noticeRefusal(session: Session, code: unknown): void {
  if (code === 'AUTHENTICATION_FAILED') session.key = null;
}

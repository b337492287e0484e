/** How bad a finding is: a server may start with a warning, and should not with what is wrong. */
export type Level = 'ok' | 'warning' | 'wrong';

/** One line of what `check` says. */
export interface Finding {
  level: Level;
  /** What it is about, in one word. */
  subject: string;
  message: string;
  /** How to mend it; nothing where nothing is to be mended. */
  remedy?: string;
}

export function ok(subject: string, message: string): Finding {
  return { level: 'ok', subject, message };
}

export function warning(subject: string, message: string, remedy: string): Finding {
  return { level: 'warning', subject, message, remedy };
}

/** Without a remedy when the message has it already, as those of OperatorError do. */
export function wrong(subject: string, message: string, remedy?: string): Finding {
  return remedy === undefined ? { level: 'wrong', subject, message } : { level: 'wrong', subject, message, remedy };
}

/** What an error says, on one line; Node's own for a host of several addresses have a code and no message. */
export function messageOf(error: unknown): string {
  const { message = String(error), code } = error as { message?: string; code?: string };
  return (message.trim() || String(code)).replaceAll(/\s*\n\s*/g, ' ');
}

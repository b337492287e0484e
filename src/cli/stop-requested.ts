/** What shells report of a process that a signal ended. */
export const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 };

type StopSignal = keyof typeof EXIT_CODES;

/** Notes the first signal to stop; the second ends the process at once. */
export function stopRequested(): { signal: StopSignal | null } {
  const request: { signal: StopSignal | null } = { signal: null };
  function note(signal: NodeJS.Signals): void {
    if (request.signal) process.exit(EXIT_CODES[request.signal]);
    request.signal = signal as StopSignal;
  }
  process.on('SIGINT', note).on('SIGTERM', note);
  return request;
}

const BLOT = '[redacted]';

const SECRETS: readonly [RegExp, string][] = [
  // A key, whole or cut short.
  [/tsr_[A-Za-z0-9_-]{8,}/g, `tsr_${BLOT}`],
  // A password's hash, as PostgreSQL quotes a failing row.
  [/\$2[aby]\$\d\d\$[./A-Za-z0-9]{22,}/g, BLOT],
  // The password in a connection's URL.
  [/(\w:\/\/[^\s:/@"\\]*):[^\s/@"\\]+@/g, `$1:${BLOT}@`],
  // What stands under a telling name.
  [
    /("(?:[\w-]*(?:authorization|cookie|password|passwd|secret|pepper)[\w-]*|token|key)"\s*:\s*)"(?:[^"\\]|\\.)*"/gi,
    `$1"${BLOT}"`,
  ],
  // A header as it is sent.
  [/\b(authorization|cookie|token)(:\s*)[^"\\\r\n]+/gi, `$1$2${BLOT}`],
];

/** The line without keys, passwords, hashes and credential headers, whatever they stand in. */
export function redact(line: string): string {
  return SECRETS.reduce((text, [secret, blot]) => text.replaceAll(secret, blot), line);
}

const BLOT = '[redacted]';

const TELLING = '[\\w-]{0,64}(?:authorization|cookie|password|passwd|secret|pepper)[\\w-]{0,64}|token|key';
// A string in JSON, and one in JSON (or GraphQL) that stands in a string of JSON itself.
const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';
const QUOTED_TWICE = '\\\\"(?:[^"\\\\]|\\\\\\\\(?:\\\\.|[^\\\\]))*\\\\"';

/** Each begins where no other match of its kind can have begun, or is bounded: none is ever quadratic. */
const SECRETS: readonly [RegExp, string][] = [
  // A key, whole or cut short.
  [/(tsr[rs]?_)[A-Za-z0-9_-]{8,}/g, `$1${BLOT}`],
  // A JSON web token, whole or cut short: it begins with an object in base64url.
  [/\beyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)*/g, BLOT],
  // A private key, as PEM or in a JWK.
  [/(-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----)[^-]*/g, `$1${BLOT}`],
  [/("(?:d|p|q|dp|dq|qi|k)"\s{0,8}:\s{0,8})"[A-Za-z0-9_-]{16,}"/g, `$1"${BLOT}"`],
  // A password's hash, as PostgreSQL quotes a failing row.
  [/\$2[aby]\$\d\d\$[./A-Za-z0-9]{22,}/g, BLOT],
  // The password in a connection's URL.
  [/(\w:\/\/[^\s:/@"\\]{0,256}):[^\s/"]+@/g, `$1:${BLOT}@`],
  // What stands under a telling name.
  [new RegExp(`("(?:${TELLING})"\\s{0,8}:\\s{0,8}\\[?)${QUOTED}`, 'gi'), `$1"${BLOT}"`],
  [new RegExp(`\\b((?:${TELLING})(?:\\\\")?\\s{0,8}:\\s{0,8})${QUOTED_TWICE}`, 'gi'), `$1\\"${BLOT}\\"`],
  [/([\w-]{0,64}(?:password|passwd|secrets?|pepper)=)[^\s"\\&]+/gi, `$1${BLOT}`],
  // A header as it is sent.
  [/\b(authorization|cookie|token)(:\s*)[^"\\\r\n]+/gi, `$1$2${BLOT}`],
];

/** A piece of each of them: where none of these stands, none of them does. Looking is a twentieth of the work. */
const TRACES =
  /tsr|eyJ|-----BEGIN|"(?:d|p|q|dp|dq|qi|k)"|\$2[aby]|:\/\/|authorization|cookie|token|key|passw|secret|pepper/i;

/** The line without keys, passwords, hashes and credential headers, whatever they stand in. */
export function redact(line: string): string {
  if (!TRACES.test(line)) return line;
  return SECRETS.reduce((text, [secret, blot]) => text.replaceAll(secret, blot), line);
}

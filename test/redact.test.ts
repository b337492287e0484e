import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyOf, newTokenId } from '../src/auth/key.ts';
import { createLog } from '../src/log.ts';

const key = keyOf({ id: newTokenId() }, ['s'.repeat(32)]);
const hash = '$2b$12$abcdefghijklmnopqrstuuJ1pX8fVvW2G7cN0dQyR4sT6uLmZkHbE';

/** What the log writes of this. */
function written(what: object, message = 'event'): string {
  const lines: string[] = [];
  createLog({ env: 'production', logLevel: 'info' }, { write: (line) => void lines.push(line) }).info(what, message);
  return lines.join('');
}

describe('a line of the log', () => {
  it.each<[string, object, string]>([
    ['a key in a message', {}, key],
    ['a key in an error', { err: new Error(`no such key: ${key}`) }, key],
    ['a key cut short', {}, key.slice(0, 20)],
    [
      'the hash in a row that PostgreSQL quotes',
      { err: Object.assign(new Error('x'), { detail: `(ada, ${hash})` }) },
      hash,
    ],
    ['a password', { password: 'hunter two' }, 'hunter two'],
    ['a password deep in what is logged', { a: [{ b: { newPassword: 'hunter "two"' } }] }, 'hunter'],
    ['a password in JSON that a message quotes', {}, JSON.stringify({ password: 'hunter "two" of them' })],
    ['a password in a document that a message quotes', {}, 'mutation { f(password: "hunter two") }'],
    ['a secret in a line of an environment', {}, 'TOKEN_SECRETS=hunter,two'],
    ['the password of a database that has an @', {}, 'postgresql://u:hunter@two@db/x?password=hunter'],
    ['a list of headers', { authorization: ['Token hunter'] }, 'hunter'],
    ['an Authorization header', { headers: { Authorization: 'Basic YTpi' } }, 'YTpi'],
    ['an Authorization header in a message', {}, 'Authorization: Basic YTpi'],
    ['a cookie', { headers: { 'set-cookie': 'session=abc' } }, 'session=abc'],
    ['a secret of the configuration', { TOKEN_SECRETS: 'one,two', passwordPepper: 'three' }, 'three'],
    ['the password of a database', { url: 'postgresql://tessera:hunter2@db:5432/x' }, 'hunter2'],
  ])('does not show %s', (_case, what, secret) => {
    const line = written(what, Object.keys(what).length > 0 ? 'event' : secret);
    expect(line).toContain('[redacted]');
    expect(line).not.toContain(secret.replace('Authorization: ', ''));
    expect(line).not.toMatch(/hunter|two/);
    expect(() => JSON.parse(line)).not.toThrow();
  });

  it('shows neither a key nor a password, whatever stands around it', () => {
    const telling = fc.constantFrom(
      'password',
      'Authorization',
      'cookie',
      'token',
      'key',
      'oldPassword',
      'tokenSecret',
    );
    const secret = fc.string({ minLength: 12, unit: 'grapheme' }).map((text) => `${text}~${newTokenId()}`);
    fc.assert(
      fc.property(telling, secret, fc.string(), fc.json(), (name, value, around, other) => {
        const line = written({ nested: [{ [name]: value, around }], other }, `${around}${key}${around}`);
        expect(line).not.toContain(value.slice(-30));
        expect(line).not.toContain(key.slice(12));
        expect(() => JSON.parse(line)).not.toThrow();
      }),
    );
  });

  it('shows all else as it is', () => {
    const what = { operation: 'Tokens', durationMs: 1.5, outcome: 'ok', userId: newTokenId(), tokenCount: 3 };
    expect(JSON.parse(written(what))).toMatchObject({ ...what, msg: 'event' });
  });

  it('is made of a hostile text in time that grows with its length alone: quadratic, this would not end', () => {
    for (const part of [
      '"',
      'a://',
      '\\',
      '"password":"',
      '"password',
      'password=',
      'tsr_',
      'authorization: ',
      '$2b$12$',
    ]) {
      const hostile = part.repeat(50_000);
      expect(written({ hostile }, hostile)).toContain('hostile');
    }
  });
});

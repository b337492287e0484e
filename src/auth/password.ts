import { createHmac } from 'node:crypto';
import bcrypt from 'bcrypt';

/** Hashes and checks passwords; made once, with the configured cost and pepper. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /**
   * Whether this is the password behind the hash; null stands for an account without one, or no account at all.
   * The work done is that of one comparison at the configured cost, whatever the hash: time tells nothing.
   */
  verify(password: string, passwordHash: string | null): Promise<boolean>;
  /** Whether the hash was made with less work than is configured now. */
  needsRehash(passwordHash: string): boolean;
  /** Told whether somebody was let in by the password that he sent, for whoever counts. */
  noteProof(isGood: boolean): void;
}

const DOMAIN = 'tessera password v1';

// A salt and digest of the right form that no password is known to give: comparing costs what any other does.
const NOBODYS = 'abcdefghijklmnopqrstuuJ1pX8fVvW2G7cN0dQyR4sT6uLmZkHbE';

/** Source: OWASP Password Storage Cheat Sheet, "Pre-Hashing Passwords with bcrypt". */
export function createPasswords({ cost, pepper }: { cost: number; pepper: string | null }): Passwords {
  // bcrypt reads 72 bytes and stops at a NUL. Never keyed with TOKEN_SECRETS: rotating those must not end passwords.
  function preHash(password: string): string {
    return createHmac('sha384', pepper ?? DOMAIN)
      .update(password)
      .digest('base64');
  }

  async function verify(password: string, passwordHash: string | null): Promise<boolean> {
    const preHashed = preHash(password);
    const stored = isBcrypt(passwordHash) ? passwordHash : null;
    const isMatch = await bcrypt.compare(preHashed, stored ?? hashOfNobody(cost));
    const madeWith = stored ? bcrypt.getRounds(stored) : cost;
    // 2^c + 2^c + 2^(c+1) + … + 2^(cost-1) = 2^cost: an old, cheaper hash must not answer sooner than none.
    for (let rest = madeWith; !isMatch && rest < cost; rest++) await bcrypt.compare(preHashed, hashOfNobody(rest));
    return isMatch && stored !== null;
  }

  return {
    hash: (password) => bcrypt.hash(preHash(password), cost),
    verify,
    needsRehash: (passwordHash) => bcrypt.getRounds(passwordHash) < cost,
    noteProof: () => {},
  };
}

// A hash of another make (an import, a mark for "no password") opens nothing, in the same time as any other.
function isBcrypt(hash: string | null): hash is string {
  return hash !== null && /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash);
}

function hashOfNobody(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${NOBODYS}`;
}

import { fingerprintOf, type TokenSecrets } from '../auth/key.ts';
import { seal, unseal } from '../auth/sealed-key.ts';
import { makeSigningJwk, readSigningKey, type SigningKey } from '../auth/signing-keys.ts';
import type { Database } from './client.ts';
import type { Prisma, SigningKey as Row } from './generated/prisma/client.ts';
import { changedBy, type Origin } from './origin.ts';

/** A key as it is kept: `signsFrom` until the next one does, and read by those who have the secret that it is sealed with. */
export interface KeptKey extends SigningKey {
  createdAt: Date;
  signsFrom: Date;
  /** Whether it is sealed with another than the newest secret, or with none that is known here. */
  isSealedAnew: boolean;
}

const ROWS = `SELECT "id", "publicJwk", "sealedKey", "sealedWith", "createdAt", "signsFrom" FROM "SigningKey"
  ORDER BY "signsFrom", "createdAt", "id"`;

/** Every key that is kept, in the order in which they sign. */
export async function findKeptKeys(database: Database, secrets: TokenSecrets): Promise<KeptKey[]> {
  return Promise.all((await database.$read<Row>(ROWS, [])).map((row) => keptKeyOf(row, secrets)));
}

/**
 * Sees to it that there is a key that signs now, or one will soon, and that all are sealed with the newest secret. Of
 * several servers that start at once one makes the key. Returns what was made, or null.
 */
export async function ensureSigningKey(database: Database, secrets: TokenSecrets, now: Date): Promise<string | null> {
  // Every start but the first, mostly: without the lock.
  if (areInOrder(await database.$read<Row>(ROWS, []), secrets)) return null;
  return database.$transaction(async (transaction) => {
    await lock(transaction);
    const rows = await transaction.$queryRawUnsafe<Row[]>(ROWS);
    for (const row of rows) await sealAnew(transaction, row, secrets);
    const last = rows.at(-1);
    if (last && openRow(last, secrets) !== null) return null;
    // One that has not signed yet, and that nobody here can open, would end the new one when its turn came.
    await transaction.signingKey.deleteMany({ where: { signsFrom: { gt: now } } });
    return addKey(transaction, secrets, { now, signsFrom: now });
  });
}

interface Rotation {
  now: Date;
  signsFrom: Date;
  origin: Origin;
  /** Which keys go: those whose signatures do not count any more, or all that were there before. */
  dropped: readonly string[] | 'all';
}

/** A new key behind, or in place of, those that there are: its id. */
export async function rotateSigningKey(
  database: Database,
  secrets: TokenSecrets,
  { now, signsFrom, dropped, origin }: Rotation,
): Promise<string> {
  return database.$transaction(async (transaction) => {
    await changedBy(transaction, origin);
    await lock(transaction);
    await transaction.signingKey.deleteMany({ where: dropped === 'all' ? {} : { id: { in: [...dropped] } } });
    // Two rotations on end: the one that was to sign next never does.
    await transaction.signingKey.deleteMany({ where: { signsFrom: { gte: signsFrom } } });
    return addKey(transaction, secrets, { now, signsFrom });
  });
}

type Transaction = Parameters<Parameters<Database['$transaction']>[0]>[0];

async function lock(transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`LOCK TABLE "SigningKey" IN EXCLUSIVE MODE`;
}

async function addKey(
  transaction: Transaction,
  secrets: TokenSecrets,
  { now, signsFrom }: { now: Date; signsFrom: Date },
): Promise<string> {
  const jwk = await makeSigningJwk();
  const { id, publicJwk } = await readSigningKey(jwk, 'A key that was just made');
  const sealedKey = seal(JSON.stringify(jwk), id, secrets[0]);
  const sealedWith = fingerprintOf(secrets[0]);
  await transaction.signingKey.create({
    data: { id, publicJwk: publicJwk as Prisma.InputJsonObject, sealedKey, sealedWith, createdAt: now, signsFrom },
  });
  return id;
}

function areInOrder(rows: readonly Row[], secrets: TokenSecrets): boolean {
  const last = rows.at(-1);
  const newest = fingerprintOf(secrets[0]);
  // What no secret opens cannot be sealed anew.
  const isInOrder = (row: Row) => row.sealedWith === newest || openRow(row, secrets) === null;
  return last !== undefined && openRow(last, secrets) !== null && rows.every(isInOrder);
}

async function sealAnew(transaction: Transaction, row: Row, secrets: TokenSecrets): Promise<void> {
  const sealedWith = fingerprintOf(secrets[0]);
  const jwk = row.sealedWith === sealedWith ? null : openRow(row, secrets);
  if (jwk === null) return;
  const data = { sealedKey: seal(jwk, row.id, secrets[0]), sealedWith };
  await transaction.signingKey.update({ where: { id: row.id }, data });
}

/** The private half, or null when none of the secrets opens it. */
function openRow(row: Row, secrets: TokenSecrets): string | null {
  for (const secret of secrets) {
    const jwk = unseal(row.sealedKey, row.id, secret);
    if (jwk !== null) return jwk;
  }
  return null;
}

async function keptKeyOf(row: Row, secrets: TokenSecrets): Promise<KeptKey> {
  const { id, publicJwk, sealedWith, createdAt, signsFrom } = row;
  const jwk = openRow(row, secrets);
  const key = await readSigningKey(jwk === null ? (publicJwk as object) : JSON.parse(jwk), `The signing key ${id}`);
  return { ...key, id, createdAt, signsFrom, isSealedAnew: sealedWith === fingerprintOf(secrets[0]) };
}

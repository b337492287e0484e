import { isKeyShaped, type KeyUse, readDerived, type TokenSecrets, toUuid, writeDerived } from './key.ts';

/** What a client keeps to get its next pair by. */
const REFRESH_USE: KeyUse = { prefix: 'tsrr_', domain: 'tessera refresh v1' };

const ID_BYTES = 16;
const COUNT_BYTES = 4;

/** The one refresh token of a pair after so many refreshes. */
export interface RefreshPlace {
  pairId: string;
  refreshCount: number;
}

/** Whether this string begins as a refresh token does; says nothing of its truth. */
export function isRefreshShaped(text: string): boolean {
  return isKeyShaped(text, REFRESH_USE);
}

/**
 * The refresh token of this place: `tsrr_` and 48 characters of base64url. Derived, as keys are, and never stored: asked
 * again, the same is given.
 */
export function refreshKeyOf({ pairId, refreshCount }: RefreshPlace, secrets: TokenSecrets): string {
  const place = Buffer.alloc(ID_BYTES + COUNT_BYTES);
  place.write(pairId.replaceAll('-', ''), 'hex');
  place.writeUInt32BE(refreshCount, ID_BYTES);
  return writeDerived(place, secrets, REFRESH_USE);
}

/** The place of a refresh token, or null when it is forged, misspelt or of another secret: by arithmetic alone. */
export function verifyRefreshKey(key: string, secrets: TokenSecrets): RefreshPlace | null {
  const reading = readDerived(key, ID_BYTES + COUNT_BYTES, secrets, REFRESH_USE);
  if (reading.flaw !== null || reading.secretAt === null) return null;
  const { derivedFrom } = reading;
  return { pairId: toUuid(derivedFrom.subarray(0, ID_BYTES)), refreshCount: derivedFrom.readUInt32BE(ID_BYTES) };
}

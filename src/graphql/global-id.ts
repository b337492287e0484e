import { decodeGlobalID, encodeGlobalID } from '@pothos/plugin-relay';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The Relay id by which the API and the command line name this row. */
export function globalIdOf(typename: 'Token' | 'User', id: string): string {
  return encodeGlobalID(typename, id);
}

/** The type and the row that a global id names, or null when it names nothing that could exist. */
export function parseGlobalId(globalId: string): { typename: string; id: string } | null {
  try {
    const { typename, id } = decodeGlobalID(globalId);
    return isUuid(id) ? { typename, id } : null;
  } catch {
    return null;
  }
}

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

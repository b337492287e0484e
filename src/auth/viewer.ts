/** What a credential itself can say of its user. */
export interface ViewerIdentity {
  id: string;
  username: string;
  isStaff: boolean;
  isSuperuser: boolean;
}

/** What is known of a user who was looked up: everything but the password's hash. */
export interface ViewerUser extends ViewerIdentity {
  email: string | null;
  isActive: boolean;
  dateJoined: Date;
  lastLogin: Date | null;
}

/**
 * What a request came in with: a token's row, or, of kind ACCESS, what an access token says of itself, under the id of
 * the row (of kind REFRESH) that its pair has.
 */
export interface ViewerToken {
  id: string;
  userId: string;
  kind: 'LOGIN' | 'API' | 'SESSION' | 'REFRESH' | 'ACCESS';
  name: string;
  scopes: string[];
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  supersededAt: Date | null;
}

/** A token's row with its user's. */
export interface TokenViewer {
  user: ViewerUser;
  token: ViewerToken;
}

/** Who is calling: a user, and the credential that says so. Null stands for the anonymous caller. */
export interface Viewer {
  /** A ViewerUser, but for whoever is known by what his access token says alone. */
  user: ViewerIdentity | ViewerUser;
  token: ViewerToken | null;
}

/** Whether the viewer may read what belongs to this user: his own, or anybody's if he is staff. */
export function canSeeUser(viewer: Viewer | null, userId: string): boolean {
  return viewer !== null && (viewer.user.id === userId || isStaff(viewer));
}

export function isStaff(viewer: Viewer | null): boolean {
  return viewer !== null && (viewer.user.isStaff || viewer.user.isSuperuser);
}

import { listEvents } from '../accounts/audit-list.ts';
import { findUserById } from '../accounts/users.ts';
import { RequestRefused } from '../errors.ts';
import { builder } from './builder.ts';
import { globalIdOf, parseGlobalId, UUID } from './global-id.ts';
import { pagedBy, resolvePage, type Slice } from './page.ts';
import { staffNeeds } from './rules.ts';
import { auditRead, usersRead } from './scopes.ts';
import { User } from './user.ts';

const AuditEventKind = builder.enumType('AuditEventKind', {
  description: 'What has happened.',
  values: {
    LOGIN_SUCCEEDED: { description: 'Somebody came in by a password.' },
    LOGIN_FAILED: { description: 'A password was wrong, or its user unknown or inactive.' },
    LOGIN_THROTTLED: { description: 'A login was refused unread, after too many wrong ones; told once a wait.' },
    TOKEN_CREATED: { description: 'A token, a session or a pair was made.' },
    TOKEN_ROTATED: { description: 'Another token was put in the place of this one.' },
    TOKEN_CHANGED: {
      description: 'A token may do something else, is another user’s, or ends at another time: by SQL.',
    },
    TOKEN_REVOKED: { description: 'A token, a session or a pair was ended before its time.' },
    TOKEN_EXPIRED: { description: 'A token, a session or a pair whose time was over was removed.' },
    TOKEN_REFUSED: {
      description: 'A key was sent that is no good; told once an hour of a token and a network.',
    },
    REFRESH_REUSED: { description: 'A spent refresh token came again, which ended its pair: a theft, perhaps.' },
    PASSWORD_CHANGED: { description: 'A user has another password.' },
    PASSWORD_REHASHED: { description: 'The same password was hashed anew, with more work.' },
    USER_CREATED: { description: 'A user was made.' },
    USER_ACTIVATED: { description: 'A user may sign in again.' },
    USER_DEACTIVATED: { description: 'A user may sign in no more.' },
    USER_PROMOTED: { description: 'A user became staff or superuser.' },
    USER_DEMOTED: { description: 'A user is staff or superuser no more.' },
    USER_DELETED: { description: 'A user was deleted.' },
    KEY_ROTATED: {
      description: 'A key that access tokens are signed with, or a secret that keys are derived from, came into use.',
    },
    KEY_CHANGED: { description: 'Such a key or secret was changed in the database: by SQL.' },
    KEY_REMOVED: { description: 'Such a key or secret was removed.' },
  } as const,
});

/** On each field: however one comes to an event. All nodes have an id, and it tells nothing. */
const forStaff = { authScopes: { isStaff: true } } as const;

/** An event of the audit trail as the API tells of it. */
const AuditEvent = builder.prismaNode('AuditEvent', {
  description: 'Something that happened to an account or a key. Events are never changed.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    kind: t.expose('kind', { ...forStaff, type: AuditEventKind, description: 'What has happened.' }),
    at: t.expose('at', { ...forStaff, type: 'DateTime', description: 'When it happened.' }),
    actor: t.field({
      ...staffNeeds(usersRead),
      type: User,
      nullable: true,
      description: 'Who did it; null for a stranger, for what was not done by the API, and for who is deleted.',
      resolve: ({ actorId }, _args, { database }) => (actorId === null ? null : findUserById(database, actorId)),
    }),
    user: t.field({
      ...staffNeeds(usersRead),
      type: User,
      nullable: true,
      description: 'Whose account it is about; null where that is nobody’s, or deleted.',
      resolve: ({ userId }, _args, { database }) => (userId === null ? null : findUserById(database, userId)),
    }),
    tokenId: t.id({
      ...forStaff,
      nullable: true,
      description: 'Global id of the token, session or pair that it is about, which may be no more.',
      resolve: ({ tokenId }) => (tokenId === null ? null : globalIdOf('Token', tokenId)),
    }),
    address: t.exposeString('address', {
      ...forStaff,
      nullable: true,
      description: 'Where the request came from.',
    }),
    userAgent: t.exposeString('userAgent', {
      ...forStaff,
      nullable: true,
      description: 'What the client called itself, or the command line; cut to 256 characters.',
    }),
    requestId: t.exposeString('requestId', {
      ...forStaff,
      nullable: true,
      description: 'The id of the request, as X-Request-Id and the log have it.',
    }),
  }),
});

const AuditEventEdge = builder.edgeObject({
  type: AuditEvent,
  name: 'AuditEventEdge',
  description: 'An event and its place.',
});

const AuditEventConnection = builder.connectionObject(
  { type: AuditEvent, name: 'AuditEventConnection', description: 'A page of events, from the newest on.' },
  AuditEventEdge,
);

builder.queryField('auditEvents', (t) =>
  t.connection(
    {
      ...pagedBy(idAt),
      ...staffNeeds(auditRead),
      type: AuditEvent,
      description: 'What has happened, from the newest on, until it is pruned (AUDIT_RETENTION). For staff.',
      args: {
        userId: t.arg.id({ description: 'Of this user alone: a global id.' }),
        kind: t.arg({ type: AuditEventKind, description: 'Of this kind alone.' }),
      },
      resolve: (_root, { userId, kind, ...args }, { database }) => {
        const filter = { userId: userId == null ? undefined : requireUserId(userId), kind: kind ?? undefined };
        // To count a trail of millions would cost more than its page.
        const listing = { list: (slice: Slice<string>) => listEvents(database, { ...filter, ...slice }), count: null };
        return resolvePage(args, { toCursor, positionAt: idAt }, listing);
      },
    },
    AuditEventConnection,
    AuditEventEdge,
  ),
);

function requireUserId(globalId: string): string {
  const { typename, id } = parseGlobalId(globalId) ?? {};
  if (typename !== 'User' || id === undefined) {
    throw new RequestRefused('BAD_REQUEST', 'userId must be the global id of a user.');
  }
  return id;
}

const EVENT_ID = new RegExp(`^${UUID}$`);

function toCursor({ id }: { id: string }): string {
  return Buffer.from(id).toString('base64url');
}

function idAt(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (!EVENT_ID.test(id))
    throw new RequestRefused('BAD_REQUEST', 'This cursor is none that a page of events has given.');
  return id;
}

import type { TokenEvent as Event } from '../accounts/token-event.ts';
import { builder } from './builder.ts';
import { requireViewer } from './context.ts';
import { globalIdOf } from './global-id.ts';
import { needs } from './rules.ts';
import { tokensRead } from './scopes.ts';

const TokenEventKind = builder.enumType('TokenEventKind', {
  description: 'What can happen to a token.',
  values: {
    CREATED: { description: 'It was made.' },
    ROTATED: { description: 'Another one took its place; that one is told of as CREATED beside it.' },
    REVOKED: { description: 'It was ended before its time was over, by whomever.' },
    EXPIRED: { description: 'Its time is over.' },
  } as const,
});

const TokenEvent = builder.objectRef<Event>('TokenEvent').implement({
  description: 'Something that has happened to a token.',
  fields: (t) => ({
    kind: t.expose('kind', { type: TokenEventKind, description: 'What has happened to it.' }),
    tokenId: t.id({
      description: 'The global id of the token, which may be no more.',
      resolve: ({ tokenId }) => globalIdOf('Token', tokenId),
    }),
    name: t.exposeString('name', { description: 'The name that it had then.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it happened.' }),
  }),
});

builder.subscriptionField('tokenEvents', (t) =>
  t.field({
    ...needs(tokensRead),
    type: TokenEvent,
    description:
      'What happens to the caller’s own tokens from now on, by whomever. Ends with an error: OVERLOADED when events ' +
      'may have been missed, so that one reads anew and subscribes again; what a request would get when the caller’s ' +
      'own token is no good any more.',
    subscribe: (_root, _args, context) => context.tokenEvents.streamOf(requireViewer(context).user.id),
    resolve: (event) => event,
  }),
);

import { InvalidCredentialsError, ValidationError } from '../accounts/failures.ts';
import { passwordProofSchema } from '../accounts/password-proof.ts';
import { endSession, signIn } from '../accounts/sign-in.ts';
import type { ViewerIdentity } from '../auth/viewer.ts';
import { builder } from './builder.ts';
import { type Context, callerOf, originOf } from './context.ts';
import { passwordFields } from './password-fields.ts';
import { browserWayIn } from './rules.ts';
import { User, userOfViewer } from './user.ts';
import { requireWayIn } from './ways-in.ts';

const SignedIn = builder.objectRef<{ user: ViewerIdentity }>('SignedIn').implement({
  description: 'A browser that was signed in: its cookie comes with this answer.',
  fields: (t) => ({
    user: t.field({ type: User, description: 'Who is signed in.', resolve: ({ user }) => userOfViewer(user) }),
  }),
});

const SignedOut = builder.objectRef<{ wasSignedIn: boolean }>('SignedOut').implement({
  description: 'A browser that is not signed in.',
  fields: (t) => ({
    wasSignedIn: t.exposeBoolean('wasSignedIn', { description: 'Whether it was until now.' }),
  }),
});

const SignInInput = builder
  .inputType('SignInInput', {
    description: 'Who signs in.',
    fields: passwordFields,
  })
  .validate(passwordProofSchema);

const SignInResult = builder.errorUnion('SignInResult', {
  description: 'Who is signed in, or why nobody is.',
  types: [SignedIn, InvalidCredentialsError, ValidationError],
  resolveType: () => 'SignedIn',
});

builder.mutationFields((t) => ({
  signIn: t.field({
    ...browserWayIn,
    type: SignInResult,
    description:
      'Sign a browser in: a cookie that no script can read comes with the answer. Asks for the header X-Tessera-CSRF ' +
      'and an origin of this server’s, as every request does that the cookie authenticates.',
    args: { input: t.arg({ type: SignInInput, required: true, description: 'Who signs in.' }) },
    resolve: async (_root, { input }, context) => {
      const { tokenRules: rules, now, admitted } = context;
      const browser = requireBrowser(context);
      const before = browser.sessionId();
      const { user, session } = await signIn(context, input, { caller: callerOf(context), rules, now: now(), before });
      browser.setSession(session.id);
      admitted.add(user.id);
      return { user };
    },
  }),
  signOut: t.field({
    ...browserWayIn,
    type: SignedOut,
    description: 'Sign the browser out: its session ends, and its cookie goes.',
    resolve: async (_root, _args, context) => {
      const browser = requireBrowser(context);
      const { viewer, database } = context;
      // Another credential makes the cookie ignored: then nobody is signed in by it.
      if (viewer && viewer.token?.kind !== 'SESSION') return { wasSignedIn: false };
      const id = browser.sessionId();
      const wasSignedIn = id !== null && (await endSession(database, id, originOf(context))) && viewer !== null;
      browser.setSession(null);
      return { wasSignedIn };
    },
  }),
}));

function requireBrowser(context: Context) {
  requireWayIn(context, 'session');
  if (!context.browser) throw new Error('Sessions are on, and this request has no place for a cookie.');
  return context.browser;
}

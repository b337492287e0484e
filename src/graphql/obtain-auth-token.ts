import { InvalidCredentialsError, ValidationError } from '../accounts/failures.ts';
import { logIn, loginSchema } from '../accounts/login.ts';
import { builder } from './builder.ts';
import { callerOf } from './context.ts';
import { passwordFields } from './password-fields.ts';
import { wayIn } from './rules.ts';
import { IssuedToken } from './token.ts';
import { requireWayIn } from './ways-in.ts';

const ObtainAuthTokenInput = builder
  .inputType('ObtainAuthTokenInput', {
    description: 'Who asks for a token.',
    fields: (t) => ({
      ...passwordFields(t),
      name: t.string({ defaultValue: 'default', description: 'Which of the user’s login tokens.' }),
    }),
  })
  .validate(loginSchema);

const ObtainAuthTokenResult = builder.errorUnion('ObtainAuthTokenResult', {
  description: 'A token with its key, or why there is none.',
  types: [IssuedToken, InvalidCredentialsError, ValidationError],
  resolveType: () => 'IssuedToken',
});

builder.mutationField('obtainAuthToken', (t) =>
  t.field({
    ...wayIn,
    type: ObtainAuthTokenResult,
    description: 'Log in: the user’s token of this name, made if there is none. Asked again, the same key is given.',
    args: { input: t.arg({ type: ObtainAuthTokenInput, required: true, description: 'Who asks.' }) },
    resolve: async (_root, { input }, context) => {
      requireWayIn(context, 'token');
      const { tokenRules: rules, now, admitted } = context;
      const { user, token } = await logIn(context, input, { caller: callerOf(context), rules, now: now() });
      admitted.add(user.id);
      return { token };
    },
  }),
);

import { UsernameTakenError, ValidationError } from '../accounts/failures.ts';
import { newUserSchema } from '../accounts/new-user.ts';
import { createUser } from '../accounts/users.ts';
import { keyOf } from '../auth/key.ts';
import { isStaff } from '../auth/viewer.ts';
import { builder } from './builder.ts';
import { originOf } from './context.ts';
import { wayIn } from './rules.ts';
import { requireStaffStill, User } from './user.ts';

const CreatedUser = builder.objectRef<{ user: typeof User.$inferType; key: string | null }>('CreatedUser').implement({
  description: 'A user just made.',
  fields: (t) => ({
    user: t.expose('user', { type: User, description: 'The user.' }),
    key: t.exposeString('key', {
      nullable: true,
      description:
        'The key of the login token made with the user, for the user alone: null when staff created somebody else.',
    }),
  }),
});

const CreateUserInput = builder
  .inputType('CreateUserInput', {
    description: 'What a new user is made from.',
    fields: (t) => ({
      username: t.string({ required: true, description: 'Letters, digits and @/./+/-/_, at most 150.' }),
      password: t.string({ required: true, description: '8 characters to 4,096 bytes, and not a common one.' }),
      email: t.string({ description: 'Where to write to the user.' }),
    }),
  })
  .validate(newUserSchema);

const CreateUserResult = builder.errorUnion('CreateUserResult', {
  description: 'The user, or why there is none.',
  types: [CreatedUser, UsernameTakenError, ValidationError],
  resolveType: () => 'CreatedUser',
});

builder.mutationField('createUser', (t) =>
  t.field({
    ...wayIn,
    authScopes: { mayRegister: true },
    type: CreateUserResult,
    description: 'Make a user and the user’s login token. Open to anybody where registration is open, else to staff.',
    args: { input: t.arg({ type: CreateUserInput, required: true, description: 'Who is made.' }) },
    resolve: async (_root, { input }, context) => {
      const { database, passwords, registrations, tokenSecrets, registration, viewer, admitted } = context;
      if (registration === 'closed') await requireStaffStill(context);
      // Staff who make many users are no strangers who do.
      const address = isStaff(viewer) ? null : context.sender().address;
      const { user, token } = await registrations.run(address, context.now(), () =>
        createUser(database, passwords, input, { origin: originOf(context) }),
      );
      admitted.add(user.id);
      return { user, key: isStaff(viewer) ? null : keyOf(token, tokenSecrets) };
    },
  }),
);

import * as z from 'zod';
import { likenessesOf, passwordSchema } from './new-password.ts';
import { text } from './text.ts';
import { usernameSchema } from './username.ts';

/** What a new user is made from; the output is branded, so that nothing unchecked can be stored. */
export const newUserSchema = z
  .object({
    username: usernameSchema,
    password: passwordSchema,
    email: text(254)
      .refine((email) => /^[^\s@]+@[^\s@]+$/.test(email), 'Enter a valid email address.')
      .nullish(),
  })
  .superRefine(({ password, ...owner }, context) => {
    for (const message of likenessesOf(password, owner)) {
      context.addIssue({ code: 'custom', path: ['password'], message });
    }
  })
  .brand<'NewUser'>();

export type NewUser = z.output<typeof newUserSchema>;

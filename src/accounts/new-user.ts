import { z } from 'zod';
import { isCommonPassword } from '../auth/common-passwords.ts';
import { text } from './text.ts';
import { usernameKeyOf, usernameSchema } from './username.ts';

const FEWEST_CHARACTERS = 8;
const MOST_BYTES = 4096;

/** A password as somebody may choose it. It is never trimmed. */
const passwordSchema = z
  .string()
  .refine((password) => password !== '', { error: 'This field may not be blank.', abort: true })
  .refine((password) => Buffer.byteLength(password) <= MOST_BYTES, {
    error: `Ensure this field has no more than ${MOST_BYTES} bytes.`,
    abort: true,
  })
  .refine((password) => password.isWellFormed(), { error: 'This is not well-formed Unicode text.', abort: true })
  .refine((password) => [...password].length >= FEWEST_CHARACTERS, {
    error: `This password is too short. It must contain at least ${FEWEST_CHARACTERS} characters.`,
    abort: true,
  })
  .refine((password) => !isCommonPassword(password), 'This password is too common.');

/** What a new user is made from; the output is branded, so that nothing unchecked can be stored. */
export const newUserSchema = z
  .object({
    username: usernameSchema,
    password: passwordSchema,
    email: text(254)
      .refine((email) => /^[^\s@]+@[^\s@]+$/.test(email), 'Enter a valid email address.')
      .nullish(),
  })
  .superRefine(({ username, password, email }, context) => {
    const folded = usernameKeyOf(password);
    if (folded === usernameKeyOf(username)) {
      context.addIssue({ code: 'custom', path: ['password'], message: 'The password is the same as the username.' });
    }
    if (email && folded === usernameKeyOf(email)) {
      context.addIssue({ code: 'custom', path: ['password'], message: 'The password is the same as the email.' });
    }
  })
  .brand<'NewUser'>();

export type NewUser = z.output<typeof newUserSchema>;

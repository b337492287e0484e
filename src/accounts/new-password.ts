import * as z from 'zod';
import { usernameKeyOf } from './username.ts';

const FEWEST_CHARACTERS = 8;
const MOST_BYTES = 4096;

/** Whom a password is for, as far as it must not be like them. */
interface Owner {
  username: string;
  email?: string | null | undefined;
}

/** A password as somebody may choose it, but for its likeness to him. It is never trimmed. */
export const passwordSchema = z
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
  .refine(async (password) => !(await isCommon(password)), 'This password is too common.');

// Half a megabyte, which is unpacked as it is loaded: when a password is first chosen, and not at every start.
async function isCommon(password: string): Promise<boolean> {
  return (await import('../auth/common-passwords.ts')).isCommonPassword(password);
}

/** What is wrong with this password for its owner: that it is his username or his e-mail. */
export function likenessesOf(password: string, { username, email }: Owner): string[] {
  const folded = usernameKeyOf(password);
  const messages: string[] = [];
  if (folded === usernameKeyOf(username)) messages.push('The password is the same as the username.');
  if (email && folded === usernameKeyOf(email)) messages.push('The password is the same as the email.');
  return messages;
}

/** A password as this user may choose it; the output is branded, so that nothing unchecked can be stored. */
export function newPasswordSchema(owner: Owner) {
  return z
    .object({ password: passwordSchema })
    .superRefine(({ password }, context) => {
      for (const message of likenessesOf(password, owner)) {
        context.addIssue({ code: 'custom', path: ['password'], message });
      }
    })
    .brand<'NewPassword'>();
}

export type NewPassword = z.output<ReturnType<typeof newPasswordSchema>>;

import * as z from 'zod';

/**
 * Text that a database can store and a person can have meant: not blank, at most so many characters, no control
 * characters, no half of a surrogate pair. Messages are Django REST framework's where it has one.
 */
export function text(mostCharacters: number) {
  return z
    .string()
    .refine((value) => value.trim() !== '', { error: 'This field may not be blank.', abort: true })
    .refine((value) => value.length <= mostCharacters * 2 && [...value].length <= mostCharacters, {
      error: `Ensure this field has no more than ${mostCharacters} characters.`,
      abort: true,
    })
    .refine((value) => value.isWellFormed() && !/\p{Cc}/u.test(value), {
      error: 'Control characters are not allowed.',
      abort: true,
    });
}

import { text } from './text.ts';

const MOST_CHARACTERS = 150;

// Source: Django, UnicodeUsernameValidator. What it leaves out (spaces, zero-width and direction marks) is what
// lets two names look alike.
const ALLOWED = /^(?:(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}_.@+-])+$/u;

/** A username as somebody may choose it; what is stored beside it for comparison is `usernameKeyOf`. */
export const usernameSchema = text(MOST_CHARACTERS).refine(
  (username) => ALLOWED.test(username) && ALLOWED.test(usernameKeyOf(username)),
  'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.',
);

/** A username as somebody may type it to log in: anything that could be stored. */
export const typedUsernameSchema = text(MOST_CHARACTERS);

/** The form in which usernames are compared: two that fold alike are one user. */
export function usernameKeyOf(username: string): string {
  return username.normalize('NFKC').toLowerCase();
}

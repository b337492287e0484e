import * as z from 'zod';
import { LAST_INSTANT } from '../auth/expiry.ts';
import { EVERY_SCOPE } from '../auth/scope.ts';
import { validationErrorOf } from './failures.ts';
import { text } from './text.ts';

const MOST_SCOPES = 100;

export const tokenNameSchema = text(100);

/** What a token made by hand is held to. */
interface Bounds {
  /** The names of the scopes there are. */
  knownScopes: readonly string[];
  now: Date;
  /** The instant that it must not outlive; null: there is none. */
  until: Date | null;
}

export type NewToken = z.output<ReturnType<typeof newTokenSchema>>;

/** A token as somebody asks for it, judged. Throws ValidationError naming every field that is no good. */
export function readNewToken(asked: z.input<ReturnType<typeof newTokenSchema>>, bounds: Bounds): NewToken {
  const read = newTokenSchema(bounds).safeParse(asked);
  if (!read.success) throw validationErrorOf(read.error.issues);
  return read.data;
}

function newTokenSchema({ knownScopes, now, until }: Bounds) {
  const known = [EVERY_SCOPE, ...knownScopes];
  return z
    .object({
      name: tokenNameSchema,
      scopes: z
        .array(z.string())
        .max(MOST_SCOPES, `Ensure this field has no more than ${MOST_SCOPES} elements.`)
        .pipe(z.array(z.enum(known, `This must be one of ${known.join(', ')}.`)))
        .transform((scopes) => (scopes.includes(EVERY_SCOPE) ? [EVERY_SCOPE] : [...new Set(scopes)])),
      expiresAt: z
        .date()
        .nullish()
        .refine((instant) => !instant || instant > now, 'This must be in the future.')
        .refine((instant) => !instant || instant <= LAST_INSTANT, 'This must be before the year 10000.')
        .refine(
          (instant) => !instant || !until || instant <= until,
          `This must not be later than ${until?.toISOString()}, when the token that makes it expires.`,
        )
        .transform((instant) => instant ?? until),
    })
    .brand<'NewToken'>();
}

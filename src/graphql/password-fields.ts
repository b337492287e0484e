import type { builder } from './builder.ts';

type InputFields = Parameters<Parameters<typeof builder.inputType>[1]['fields']>[0];

/** By what somebody proves who he is: the same wherever it is asked. */
export function passwordFields(t: InputFields) {
  return {
    username: t.string({ required: true, description: 'In any spelling that folds to the user’s own.' }),
    password: t.string({ required: true, description: 'Taken as it is: white space counts.' }),
  };
}

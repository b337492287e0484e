import type { GraphQLSchema } from 'graphql';
import { Failure } from '../accounts/failures.ts';
import type { Context } from './context.ts';

/**
 * Notes on the context which expected failure a mutation has returned, the first of several. It is data for the
 * caller, whose request went well; whoever reads the log wants to know of it all the same.
 */
export function noteFailures(schema: GraphQLSchema): void {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const { resolve } = field;
    if (!resolve) continue;
    field.resolve = async (source, args, context: Context, info) => {
      const result = await resolve(source, args, context, info);
      context.failure ??= failureIn(result);
      return result;
    };
  }
}

// The errors plugin hands on a proxy of the error that is an instance of nothing, but knows its class.
function failureIn(result: unknown): string | null {
  const made = (result as object | null)?.constructor;
  return made?.prototype instanceof Failure ? made.name : null;
}

import type { ExecutionArgs } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { authenticate } from '../auth/authenticate.ts';
import type { Scheme } from '../auth/scheme.ts';
import type { Viewer } from '../auth/viewer.ts';
import { RequestRefused } from '../errors.ts';
import { findRefusal, isWayInOnly } from '../graphql/authorize-operation.ts';
import type { Context } from '../graphql/context.ts';
import { findExcess } from '../graphql/measure-operation.ts';
import { type OperationReader, readOperation } from '../graphql/read-operation.ts';
import { toGraphQLError } from '../graphql/refusal.ts';

type Arguments = ExecutionArgs & { contextValue: Context & { request: Request } };

/**
 * Puts the viewer on the context, and refuses the whole operation where he may not run all of it. Hooked in after
 * parsing and before execution: whether a bad credential matters depends on what is asked.
 */
export function useAuthentication(schemes: readonly Scheme[]): Plugin<Context> {
  async function admit(args: Arguments): Promise<void> {
    const context = args.contextValue;
    const operation = readOperation(args);
    context.viewer = await authenticateFor(operation, context.request.headers);
    // Without an operation, or with variables that do not fit, the execution refuses it, and runs nothing.
    const refusal = operation && (findRefusal(operation, context) ?? findExcess(operation));
    if (refusal) throw refusal;
  }

  async function authenticateFor(operation: OperationReader | null, headers: Headers): Promise<Viewer | null> {
    try {
      return await authenticate(headers, schemes);
    } catch (error) {
      const isBad = error instanceof RequestRefused && error.code === 'AUTHENTICATION_FAILED';
      if (isBad && operation && isWayInOnly(operation)) return null;
      throw error;
    }
  }

  return {
    async onExecute({ args, setResultAndStopExecution }) {
      try {
        await admit(args as Arguments);
      } catch (error) {
        if (!(error instanceof RequestRefused)) throw error;
        setResultAndStopExecution({ errors: [toGraphQLError(error)] });
      }
    },
  };
}

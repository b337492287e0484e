import type { ExecutionArgs, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { judge } from '../auth/authenticate.ts';
import type { Scheme } from '../auth/scheme.ts';
import type { Viewer } from '../auth/viewer.ts';
import { RequestRefused } from '../errors.ts';
import { asksForBrowserProof, findRefusal, isWayInOnly } from '../graphql/authorize-operation.ts';
import type { Context } from '../graphql/context.ts';
import { findEmptySubscription } from '../graphql/empty-subscription.ts';
import { findMisplacedDefer } from '../graphql/incremental-delivery.ts';
import { findExcess } from '../graphql/measure-operation.ts';
import { type OperationReader, readOperation } from '../graphql/read-operation.ts';
import { toGraphQLError } from '../graphql/refusal.ts';
import { sentCredentials } from './sent-credentials.ts';
import type { Within } from './use-tracing.ts';

export type Arguments = ExecutionArgs & { contextValue: Context & { request: Request } };

/**
 * Puts the viewer on the context, and refuses the whole operation where he may not run all of it. Hooked in after
 * parsing and before execution: whether a bad credential matters depends on what is asked.
 */
export function useAuthentication(schemes: readonly Scheme[], within: Within = justDo): Plugin<Context> {
  async function admitOrStop({ args, setResultAndStopExecution }: Hooked): Promise<void> {
    try {
      const operation = readOperation(args as Arguments);
      await within('authenticate', () => admit(operation, (args as Arguments).contextValue, schemes));
      // Without an operation, or with variables that do not fit, the execution refuses it, and runs nothing.
      const { queryLimits } = (args as Arguments).contextValue;
      const requested = args as Arguments;
      const excess =
        operation &&
        (findMisplacedDefer(requested) ??
          findEmptySubscription(requested, operation) ??
          findExcess(operation, queryLimits));
      if (excess) throw excess;
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error;
      setResultAndStopExecution({ errors: [toGraphQLError(error)] });
    }
  }

  return { onExecute: admitOrStop, onSubscribe: admitOrStop };
}

const justDo: Within = (_step, work) => work();

/** What Yoga gives to a hook before an operation is executed or subscribed to. */
export interface Hooked {
  args: object;
  setResultAndStopExecution(result: { errors: GraphQLError[] }): void;
}

/**
 * Puts on the context who is calling. Throws RequestRefused when his credentials are no good, or he may not run the
 * whole operation. Asked again while a stream of his is open.
 */
export async function admit(
  operation: OperationReader | null,
  context: Arguments['contextValue'],
  schemes: readonly Scheme[],
): Promise<void> {
  if (operation && asksForBrowserProof(operation)) context.browser?.requireProof();
  context.viewer = await authenticateFor(operation, context, schemes);
  const refusal = operation && findRefusal(operation, context);
  if (refusal) throw refusal;
}

async function authenticateFor(
  operation: OperationReader | null,
  context: Arguments['contextValue'],
  schemes: readonly Scheme[],
): Promise<Viewer | null> {
  const judgement = await judge(sentCredentials(context.request, context, context.sender), schemes);
  if (judgement === null) return null;
  if (!judgement.refusal) {
    // A dead cookie would come with every request, and be looked up each time.
    if (judgement.viewer === null) context.browser?.setSession(null);
    return judgement.viewer;
  }
  // A cookie without its proof was not sent by whoever asks for a way in, and is none of his.
  const isBad = judgement.refusal.code === 'AUTHENTICATION_FAILED' || judgement.scheme.isAmbient;
  if (isBad && operation && isWayInOnly(operation)) return null;
  throw judgement.refusal;
}

import type { ExecutionArgs, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { type Judgement, judge } from '../auth/authenticate.ts';
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
import { type Promptly, whenThere } from '../promptly.ts';
import { sentCredentials } from './sent-credentials.ts';
import type { Within } from './use-tracing.ts';

export type Arguments = ExecutionArgs & { contextValue: Context & { request: Request } };

/**
 * Puts the viewer on the context, and refuses the whole operation where he may not run all of it. Hooked in after
 * parsing and before execution: whether a bad credential matters depends on what is asked.
 */
export function useAuthentication(schemes: readonly Scheme[], within: Within = justDo): Plugin<Context> {
  function admitOrStop(hooked: Hooked): Promptly<void> {
    const requested = hooked.args as Arguments;
    const stop = (error: unknown) => stopRefused(hooked, error);

    const stopIf = (refusal: RequestRefused | null) => {
      if (refusal) stop(refusal);
    };

    try {
      const operation = readOperation(requested);
      const refusal = within('authenticate', () => findCallersRefusal(operation, requested.contextValue, schemes));
      const both = whenThere(refusal, (found) => found ?? findExcessOf(operation, requested));
      if (both instanceof Promise) return both.then(stopIf).catch(stop);
      stopIf(both);
    } catch (error) {
      stop(error);
    }
  }

  return { onExecute: admitOrStop, onSubscribe: admitOrStop };
}

function findExcessOf(operation: OperationReader | null, requested: Arguments): RequestRefused | null {
  // Without an operation, or with variables that do not fit, the execution refuses it, and runs nothing.
  if (!operation) return null;
  return (
    findMisplacedDefer(requested) ??
    findEmptySubscription(requested, operation) ??
    findExcess(operation, requested.contextValue.queryLimits)
  );
}

const justDo: Within = (_step, work) => work();

/** What Yoga, or the short way, gives to a hook before an operation is executed or subscribed to. */
export interface Hooked {
  args: object;
  setResultAndStopExecution(result: { errors: GraphQLError[] }): void;
  /** Of the short way alone, which tells a refusal as it is. */
  refuse?(refusal: RequestRefused): void;
}

/** Ends the operation with this refusal, before anything of it runs. What is none is thrown on. */
export function stopRefused(hooked: Hooked, error: unknown): void {
  if (!(error instanceof RequestRefused)) throw error;
  if (hooked.refuse) hooked.refuse(error);
  else hooked.setResultAndStopExecution({ errors: [toGraphQLError(error)] });
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
  const refusal = await findCallersRefusal(operation, context, schemes);
  if (refusal) throw refusal;
}

/** As admit, without throwing where a key is no good: of such requests there may be many. */
function findCallersRefusal(
  operation: OperationReader | null,
  context: Arguments['contextValue'],
  schemes: readonly Scheme[],
): Promptly<RequestRefused | null> {
  if (operation && asksForBrowserProof(operation)) context.browser?.requireProof();
  return whenThere(judge(sentCredentials(context.request, context, context.sender), schemes), (judgement) => {
    const viewer = viewerOf(judgement, operation, context);
    if (viewer instanceof RequestRefused) return viewer;
    context.viewer = viewer;
    return operation && findRefusal(operation, context);
  });
}

function viewerOf(
  judgement: Judgement | null,
  operation: OperationReader | null,
  { browser }: Context,
): Viewer | RequestRefused | null {
  if (judgement === null) return null;
  if (!judgement.refusal) {
    // A dead cookie would come with every request, and be looked up each time.
    if (judgement.viewer === null) browser?.setSession(null);
    return judgement.viewer;
  }
  // A cookie without its proof was not sent by whoever asks for a way in, and is none of his.
  const isBad = judgement.refusal.code === 'AUTHENTICATION_FAILED' || judgement.scheme.isAmbient;
  return isBad && operation && isWayInOnly(operation) ? null : judgement.refusal;
}

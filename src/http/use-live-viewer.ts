import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { ViewerWatch } from '../accounts/viewer-watch.ts';
import type { Scheme } from '../auth/scheme.ts';
import { overloaded, type RequestRefused } from '../errors.ts';
import type { Context } from '../graphql/context.ts';
import { readOperation } from '../graphql/read-operation.ts';
import { toGraphQLError } from '../graphql/refusal.ts';
import { endable } from './endable.ts';
import { type Arguments, admit } from './use-authentication.ts';

/** Streams of one user past which no subscription begins: a leak in one client, or malice. */
const MOST_STREAMS = 50;

interface LiveViewerOptions {
  watch: ViewerWatch;
  /** As for requests, but what comes in by them counts as no use of a token. */
  schemes: readonly Scheme[];
}

interface Streamed {
  args: object;
  result: unknown;
  setResult(result: never): void;
}

/**
 * A stream, of events or of an answer in parts, ends when its caller would be refused: told by a last result with the
 * error that a request would get. To be hooked in before whoever looks up the viewer.
 */
export function useLiveViewer({ watch, schemes }: LiveViewerOptions): Plugin<Context> {
  function guarded(source: AsyncIterable<object>, args: Arguments, since: number, last: object) {
    const { contextValue: context } = args;
    const operation = readOperation(args);

    async function judge(): Promise<void> {
      const before = context.viewer?.user.id;
      await admit(operation, context, schemes);
      // What was begun for one user does not go on for another, whose token it is now.
      if (context.viewer?.user.id !== before) throw overloaded();
    }

    const { signal } = context.request;
    let stop = (): void => {};
    const stream = endable(source, () => stop());
    const end = (refusal: RequestRefused) => stream.end({ errors: [toGraphQLError(refusal)], ...last });
    const leave = () => void stream.return?.();
    const unwatch = watch.watch({ viewer: () => context.viewer, judge, end }, since);
    stop = () => {
      unwatch();
      signal.removeEventListener('abort', leave);
    };
    // Yoga tells a stream that has not been begun to be read nothing of its reader's leaving.
    signal.addEventListener('abort', leave);
    if (signal.aborted) leave();
    return stream;
  }

  return {
    onExecute() {
      const since = watch.epoch();
      return {
        onExecuteDone({ args, result, setResult }: Streamed) {
          if (!isAsyncIterable<object>(result)) return;
          setResult(guarded(result, args as Arguments, since, { hasNext: false }) as never);
        },
      };
    },
    onSubscribe() {
      const since = watch.epoch();
      return {
        onSubscribeResult({ args, result, setResult }: Streamed) {
          if (!isAsyncIterable<object>(result)) return;
          const { viewer } = (args as Arguments).contextValue;
          if (viewer && watch.countOf(viewer.user.id) >= MOST_STREAMS) {
            void result[Symbol.asyncIterator]().return?.();
            setResult({ errors: [toGraphQLError(overloaded('Too many streams of yours are open.'))] } as never);
          } else {
            setResult(guarded(result, args as Arguments, since, {}) as never);
          }
        },
      };
    },
  };
}

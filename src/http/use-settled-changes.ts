import { type ExecutionArgs, getOperationAST, OperationTypeNode } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Changes } from '../database/changes.ts';

/**
 * A mutation is answered when this server has heard of all that it changed: whoever revokes a token here finds it
 * refused here with his very next request. Other nodes hear of it in the same moment, a network's way apart.
 */
export function useSettledChanges(changes: Changes): Plugin {
  return {
    onExecute({ args }) {
      const { document, operationName } = args as ExecutionArgs;
      if (getOperationAST(document, operationName)?.operation !== OperationTypeNode.MUTATION) return;
      return { onExecuteDone: () => changes.settle() };
    },
  };
}

import './date-time.ts';
import './error-types.ts';
import './me.ts';
import './node.ts';
import './obtain-auth-token.ts';
import './sign-in.ts';
import './token-pairs.ts';
import './verify-token.ts';
import './create-user.ts';
import './required-scopes.ts';
import './create-token.ts';
import './rotate-token.ts';
import './revoke-token.ts';
import './revoke-all-tokens.ts';
import './tokens.ts';
import './token-events.ts';
import './audit-events.ts';
import { GraphQLDeferDirective, GraphQLStreamDirective } from '@graphql-tools/utils';
import { specifiedDirectives } from 'graphql';
import { builder } from './builder.ts';
import { sayIdsAtOnce } from './global-id.ts';
import { noteFailures } from './note-failures.ts';
import { noteRuleDirectives, ruleDirectives } from './rule-directives.ts';

// Said in the contract, and not only by whoever executes it: clients check their documents against it.
const incrementalDelivery = [GraphQLDeferDirective, GraphQLStreamDirective];

export const schema = builder.toSchema({
  sortSchema: true,
  directives: [...specifiedDirectives, ...incrementalDelivery, ...ruleDirectives],
});
noteRuleDirectives(schema);
noteFailures(schema);
sayIdsAtOnce(schema);

import './date-time.ts';
import './error-types.ts';
import './me.ts';
import './node.ts';
import './obtain-auth-token.ts';
import './create-user.ts';
import './required-scopes.ts';
import './revoke-token.ts';
import './tokens.ts';
import { specifiedDirectives } from 'graphql';
import { builder } from './builder.ts';
import { noteFailures } from './note-failures.ts';
import { noteRuleDirectives, ruleDirectives } from './rule-directives.ts';

export const schema = builder.toSchema({ sortSchema: true, directives: [...specifiedDirectives, ...ruleDirectives] });
noteRuleDirectives(schema);
noteFailures(schema);

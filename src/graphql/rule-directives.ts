import {
  DirectiveLocation,
  GraphQLDirective,
  type GraphQLField,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLString,
  isObjectType,
} from 'graphql';
import { allOf, fewestAlternatives, type ScopeRequirement } from '../auth/scope.ts';
import { dataRuleOf, staticRulesOf } from './rules.ts';

const locations = [DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.OBJECT];
const scopesTogether = new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(GraphQLString)));

const authenticated = new GraphQLDirective({
  name: 'authenticated',
  description: 'Only for signed-in callers. Apollo Federation’s name and shape; a subgraph adds @link.',
  locations,
});

const requiresScopes = new GraphQLDirective({
  name: 'requiresScopes',
  description:
    'Only for callers whose token has all the scopes of one of these lists. Apollo Federation’s name and shape; a subgraph adds @link.',
  locations,
  args: {
    scopes: {
      type: new GraphQLNonNull(new GraphQLList(scopesTogether)),
      description: 'Alternatives, each of scopes that are needed together.',
    },
  },
});

export const ruleDirectives = [authenticated, requiresScopes];

/** Notes on each field, for the printer, the directives that tell its rules: from the very declarations enforced. */
export function noteRuleDirectives(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap()).filter(isObjectType)) {
    for (const field of Object.values(type.getFields())) {
      const directives = directivesOf(type, field);
      if (Object.keys(directives).length > 0) field.extensions = { ...field.extensions, directives };
    }
  }
}

function directivesOf(type: GraphQLObjectType, field: GraphQLField<unknown, unknown>): Record<string, object> {
  const isClosed = staticRulesOf(type, field).some(({ name }) => name !== 'mayRegister' && name !== 'scopesOfViewer');
  const scopes = scopesAlwaysNeeded(type, field);
  return {
    ...(isClosed ? { authenticated: {} } : {}),
    ...(scopes.length > 0 ? { requiresScopes: { scopes } } : {}),
  };
}

/** What a token needs whoever sends it and however the server is configured; a directive can say no more. */
function scopesAlwaysNeeded(type: GraphQLObjectType, field: GraphQLField<unknown, unknown>): string[][] {
  const requirements: ScopeRequirement[] = staticRulesOf(type, field).flatMap((rule) =>
    rule.name === 'scopes' ? [rule.parameter] : [],
  );
  const dataRule = dataRuleOf(field);
  if (dataRule) requirements.push([dataRule.parameter.own, dataRule.parameter.others]);
  return fewestAlternatives(allOf(requirements));
}

import './date-time.ts';
import './error-types.ts';
import './me.ts';
import './node.ts';
import './obtain-auth-token.ts';
import './create-user.ts';
import './revoke-token.ts';
import './tokens.ts';
import { DirectiveLocation, GraphQLDirective, type GraphQLSchema, isObjectType, specifiedDirectives } from 'graphql';
import { builder } from './builder.ts';
import { noteFailures } from './note-failures.ts';
import { staticRulesOf } from './rules.ts';

const authenticated = new GraphQLDirective({
  name: 'authenticated',
  description: 'Only for signed-in callers. Apollo Federation’s name and shape; a subgraph adds @link.',
  locations: [DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.OBJECT],
});

export const schema = withAuthenticatedPrinted(
  builder.toSchema({ sortSchema: true, directives: [...specifiedDirectives, authenticated] }),
);
noteFailures(schema);

// The directive is told from the very rules that are enforced: there is no second list to keep in step.
function withAuthenticatedPrinted(built: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(built.getTypeMap()).filter(isObjectType)) {
    for (const field of Object.values(type.getFields())) {
      if (staticRulesOf(type, field).some(({ name }) => name !== 'mayRegister' && name !== 'scopesOfViewer')) {
        field.extensions = { ...field.extensions, directives: { authenticated: {} } };
      }
    }
  }
  return built;
}

import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';
import { GraphQLError, NoSchemaIntrospectionCustomRule, specifiedRules, type ValidationRule, validate } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** How graphql-js begins it; it always ends the message. */
const SUGGESTION = ' Did you mean ';

/** Tells nobody what the schema holds: neither when asked, nor by guessing at what a wrong name was meant to be. */
export function useClosedIntrospection(): Plugin {
  return {
    onValidate({ addValidationRule, setValidationFn }) {
      addValidationRule(NoSchemaIntrospectionCustomRule);
      setValidationFn(validateWithoutSuggestions);
    },
    onResultProcess({ result, setResult }) {
      if (Array.isArray(result) || !('errors' in result) || !result.errors?.length) return;
      setResult({ ...(result as ExecutionResult), errors: result.errors.map(withoutSuggestion) });
    },
  };
}

function validateWithoutSuggestions(
  schema: GraphQLSchema,
  document: DocumentNode,
  rules: readonly ValidationRule[] = specifiedRules,
): readonly GraphQLError[] {
  return validate(schema, document, rules, { hideSuggestions: true });
}

// Where variables are coerced, graphql-js cannot be told to hide them.
function withoutSuggestion(error: GraphQLError): GraphQLError {
  const at = error.message.lastIndexOf(SUGGESTION);
  if (at < 0 || !error.message.endsWith('?')) return error;
  const { nodes = null, source = null, positions = null, path = null, originalError = null, extensions } = error;
  return new GraphQLError(error.message.slice(0, at), { nodes, source, positions, path, originalError, extensions });
}

import { GraphQLError } from 'graphql';
import { builder } from './builder.ts';

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

builder.scalarType('DateTime', {
  description: 'RFC 3339, always UTC.',
  serialize: (date) => date.toISOString(),
  parseValue: (value) => {
    const date = typeof value === 'string' && RFC_3339.test(value) ? new Date(value) : new Date(Number.NaN);
    // PostgreSQL writes the others in ways that are not read back.
    if (!(date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999)) {
      throw new GraphQLError(
        'DateTime must be an RFC 3339 instant of the years 1 to 9999, such as "2030-01-31T12:00:00Z".',
      );
    }
    return date;
  },
});

import { readFileSync } from 'node:fs';
import {
  type GraphQLField,
  type GraphQLNamedType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isNonNullType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { fieldRules, tableOfFieldRules } from '../../src/graphql/field-rules.ts';
import { pageRuleOf } from '../../src/graphql/page.ts';
import { printPublicSchema } from '../../src/graphql/print.ts';
import { schema } from '../../src/graphql/schema.ts';

const types = Object.values(schema.getTypeMap()).filter(
  (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
);

function describedParts(type: GraphQLNamedType): { place: string; description: string | null | undefined }[] {
  const parts = [{ place: type.name, description: type.description }];
  if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) {
      parts.push({ place: `${type.name}.${field.name}`, description: field.description });
      for (const arg of (field as GraphQLField<unknown, unknown>).args ?? []) {
        parts.push({ place: `${type.name}.${field.name}(${arg.name}:)`, description: arg.description });
      }
    }
  }
  if (isEnumType(type)) {
    for (const value of type.getValues())
      parts.push({ place: `${type.name}.${value.name}`, description: value.description });
  }
  return parts;
}

describe('the schema', () => {
  it('is the one that is committed', () => {
    const committed = readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8');
    expect(printPublicSchema()).toBe(committed);
  });

  it('describes every type, field, argument and value', () => {
    const parts = types.flatMap(describedParts);
    expect(parts.length).toBeGreaterThan(50);
    expect(parts.filter(({ description }) => !description).map(({ place }) => place)).toEqual([]);
  });

  it('has the rules that are committed', () => {
    const committed = readFileSync(new URL('../../schema/field-rules.md', import.meta.url), 'utf8');
    expect(tableOfFieldRules(schema)).toBe(committed);
  });

  it('opens no root field but those that are meant to be open', () => {
    const open = fieldRules(schema).filter(
      ({ field, own }) => /^(Query|Mutation|Subscription)\./.test(field) && own.startsWith('public'),
    );
    expect(open.map(({ field, own, isWayIn }) => [field, own, isWayIn])).toEqual([
      ['Mutation.createUser', 'public where registration is open, else staff', true],
      ['Mutation.obtainAuthToken', 'public', true],
      ['Query.viewer', 'public', false],
    ]);
  });

  it('measures every connection', () => {
    const connections = types
      .filter(isObjectType)
      .flatMap((type) => Object.values(type.getFields()).map((field) => ({ type, field })))
      .filter(({ field }) => getNamedType(field.type).name.endsWith('Connection'));
    expect(connections.map(({ type, field }) => `${type.name}.${field.name}`)).toEqual(['Query.tokens', 'User.tokens']);
    expect(connections.filter(({ field }) => pageRuleOf(field) === null)).toEqual([]);
  });

  it('prints @authenticated from the rule that is enforced', () => {
    const printed = printPublicSchema();
    expect(printed).toContain('  me: User! @authenticated\n');
    expect(printed).toContain('  viewer: User\n');
  });

  it('makes nothing nullable by accident', () => {
    const nullable = types.filter(isObjectType).flatMap((type) =>
      Object.values(type.getFields())
        .filter((field) => !isNonNullType(field.type))
        .map((field) => `${type.name}.${field.name}: ${getNullableType(field.type)}`),
    );
    expect(nullable.sort()).toEqual([
      'CreatedUser.key: String',
      'PageInfo.endCursor: String',
      'PageInfo.startCursor: String',
      'Query.currentToken: Token',
      'Query.node: Node',
      'Query.viewer: User',
      'Token.expiresAt: DateTime',
      'Token.lastUsedAt: DateTime',
      'User.email: String',
      'User.lastLogin: DateTime',
    ]);
  });
});

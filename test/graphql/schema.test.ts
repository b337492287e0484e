import { readFileSync } from 'node:fs';
import {
  buildSchema,
  type FieldDefinitionNode,
  type GraphQLDirective,
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
  Kind,
  parse,
  print,
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

function directivesOn({ directives = [] }: FieldDefinitionNode): string {
  return directives.map(print).join(' ');
}

/** What the words of the table come to in directives. */
function directivesFor(own: string, scopes: string): string {
  const isClosed = own === 'authenticated' || own === 'staff' || own === 'superuser';
  const alternatives = / if (signed in|staff)/.test(scopes) ? [] : scopes.split(/ if own, else | or /).filter(Boolean);
  const lists = alternatives.map((words) => words.split(' and '));
  const fewest = lists.filter(
    (list) => !lists.some((less) => less.length < list.length && less.every((s) => list.includes(s))),
  );
  const argument = fewest.map((list) => `[${list.map((scope) => `"${scope}"`).join(', ')}]`).join(', ');
  return [
    ...(isClosed ? ['@authenticated'] : []),
    ...(argument ? [`@requiresScopes(scopes: [${argument}])`] : []),
  ].join(' ');
}

function fieldsOf(type: GraphQLNamedType | null | undefined): string[] {
  if (!isObjectType(type)) return [];
  return Object.values(type.getFields()).map(({ name, args, type }) => {
    const shown = args.map((arg) => `${arg.name}: ${arg.type}`).join(', ');
    return `${name}${shown && `(${shown})`}: ${type}`;
  });
}

function shapeOf(directive: GraphQLDirective | null | undefined): string {
  const args = directive?.args.map(({ name, type }) => `${name}: ${type}`).join(', ');
  return `${directive?.name}(${args}) on ${directive?.locations.join(' | ')}`;
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
      ['Mutation.obtainTokenPair', 'public', true],
      ['Mutation.refreshTokenPair', 'public', true],
      ['Mutation.revokeTokenPair', 'public', true],
      ['Mutation.signIn', 'public', true],
      ['Mutation.signOut', 'public', true],
      ['Mutation.verifyToken', 'public', true],
      ['Query.requiredScopes', 'public', false],
      ['Query.scopes', 'public', false],
      ['Query.viewer', 'public', false],
    ]);
  });

  it('measures every connection', () => {
    const connections = types
      .filter(isObjectType)
      .flatMap((type) => Object.values(type.getFields()).map((field) => ({ type, field })))
      .filter(({ field }) => getNamedType(field.type).name.endsWith('Connection'));
    expect(connections.map(({ type, field }) => `${type.name}.${field.name}`)).toEqual([
      'Query.auditEvents',
      'Query.tokens',
      'User.tokens',
    ]);
    expect(connections.filter(({ field }) => pageRuleOf(field) === null)).toEqual([]);
  });

  it('prints @authenticated and @requiresScopes as the rules declare them, on no field more', () => {
    const printed = parse(printPublicSchema());
    const told = printed.definitions
      .filter((node) => node.kind === Kind.OBJECT_TYPE_DEFINITION)
      .flatMap(({ name, fields = [] }) =>
        fields.map((field) => [`${name.value}.${field.name.value}`, directivesOn(field)]),
      );
    const rules = fieldRules(schema).map(({ field, own, scopes }) => [field, directivesFor(own, scopes)]);
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(rules));
    expect(Object.fromEntries(told)).toMatchObject({
      'Query.me': '@authenticated @requiresScopes(scopes: [["account:read"]])',
      'Query.viewer': '',
      'User.email': '@requiresScopes(scopes: [["account:read"], ["users:read"]])',
      'User.tokens': '@requiresScopes(scopes: [["tokens:read"]])',
      'Mutation.createUser': '',
      'Mutation.revokeCurrentToken': '@authenticated',
    });
  });

  it('prints the directives as the contract has them', () => {
    const built = buildSchema(printPublicSchema());
    expect(['authenticated', 'requiresScopes'].map((name) => shapeOf(built.getDirective(name)))).toEqual([
      'authenticated() on FIELD_DEFINITION | OBJECT',
      'requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION | OBJECT',
    ]);
  });

  it('tells of scopes in the shapes of the contract', () => {
    const shapes = ['Scope', 'RequiredScopes'].map((name) => fieldsOf(schema.getType(name)));
    expect(shapes).toEqual([
      ['description: String!', 'name: String!'],
      ['missing: [[String!]!]!', 'public: Boolean!', 'scopes: [[String!]!]!'],
    ]);
    expect(fieldsOf(schema.getQueryType())).toEqual(
      expect.arrayContaining([
        'requiredScopes(document: String!, operationName: String): RequiredScopes!',
        'scopes: [Scope!]!',
      ]),
    );
  });

  it('makes nothing nullable by accident', () => {
    const nullable = types.filter(isObjectType).flatMap((type) =>
      Object.values(type.getFields())
        .filter((field) => !isNonNullType(field.type))
        .map((field) => `${type.name}.${field.name}: ${getNullableType(field.type)}`),
    );
    expect(nullable.sort()).toEqual([
      'AuditEvent.actor: User',
      'AuditEvent.address: String',
      'AuditEvent.requestId: String',
      'AuditEvent.tokenId: ID',
      'AuditEvent.user: User',
      'AuditEvent.userAgent: String',
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
      'VerifiedToken.expiresAt: DateTime',
    ]);
  });
});

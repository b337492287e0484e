import {
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isObjectType,
} from 'graphql';
import { scopesInWords } from '../auth/scope.ts';
import { type Rule, requirementUnder } from './judge-rules.ts';
import { dataRuleOf, isWayIn, staticRulesOf } from './rules.ts';

// The less first.
const REQUIREMENTS = [
  'public',
  'public where registration is open, else staff',
  'authenticated',
  'own or staff',
  'staff',
  'superuser',
] as const;

type Requirement = (typeof REQUIREMENTS)[number];

const ASKED_BY: Record<Rule['name'], Requirement> = {
  mayRegister: 'public where registration is open, else staff',
  isAuthenticated: 'authenticated',
  isStaff: 'staff',
  isSuperuser: 'superuser',
  scopes: 'authenticated',
  scopesOfViewer: 'public',
  ownOrStaff: 'own or staff',
};

/** What a caller must be, at the least, to come to a field. */
export interface FieldRule {
  /** `Type.field`. */
  field: string;
  /** What the field asks for by itself. */
  own: Requirement;
  /** The scopes that the field asks for by itself, in words. */
  scopes: string;
  /** What it comes to: a field that asks for nothing is as closed as the most open way to it. */
  requirement: Requirement;
  /** A root field where credentials that are no good count as none. */
  isWayIn: boolean;
}

/** The rule of every field, by name, told from the declarations that are enforced. Throws where one cannot be told. */
export function fieldRules(schema: GraphQLSchema): FieldRule[] {
  const fields = Object.values(schema.getTypeMap())
    .filter((type): type is GraphQLObjectType => isObjectType(type) && !type.name.startsWith('__'))
    .flatMap((parent) => Object.values(parent.getFields()).map((field) => ({ parent, field })));
  const roots = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]);
  const ways = new Map<GraphQLObjectType, Requirement>();
  for (const root of roots) if (root) ways.set(root, 'public');

  // Again until nothing changes: ways lead through one another.
  for (let isSettled = false; !isSettled; ) {
    isSettled = true;
    for (const { parent, field } of fields) {
      const way = ways.get(parent);
      if (!way) continue;
      const rule = stricter(way, requirementOf(parent, field));
      for (const type of typesBehind(schema, field)) {
        const known = ways.get(type);
        if (known && rankOf(known) <= rankOf(rule)) continue;
        ways.set(type, rule);
        isSettled = false;
      }
    }
  }

  return fields
    .map(({ parent, field }) => {
      const way = ways.get(parent);
      if (!way) throw new Error(`${parent.name}: no field leads to this type. Take it out of the schema.`);
      const own = requirementOf(parent, field);
      return {
        field: `${parent.name}.${field.name}`,
        own,
        scopes: rulesOf(parent, field).flatMap(scopesUnder).join('; '),
        requirement: stricter(way, own),
        isWayIn: isWayIn(field),
      };
    })
    .sort((a, b) => (a.field < b.field ? -1 : 1));
}

/** The rules as a table that a change of any of them shows up in. */
export function tableOfFieldRules(schema: GraphQLSchema): string {
  const rows = fieldRules(schema).map(
    ({ field, own, scopes, requirement, isWayIn }) =>
      `| ${field} | ${own === 'public' ? '' : own} | ${scopes} | ${requirement}${isWayIn ? '; a way in' : ''} |`,
  );
  return `${[HEAD, ...rows].join('\n')}\n`;
}

const HEAD = `# What a caller must be

Told from the declarations that are enforced; \`npm run print-schema\` writes this file, and a test compares it. A field that asks for nothing itself is as closed as the most open way to it: \`Token.name\` is public because whoever logs in is shown the token that he is given. At a way in, credentials that are no good count as none; anywhere else they are refused. Whoever logs in or registers within an operation counts there as signed in for what is his own, and needs no scopes for it. A token with the scope \`*\` has every scope.

| field | asks for | scopes | so it is open to |
| --- | --- | --- | --- |`;

function typesBehind(schema: GraphQLSchema, field: GraphQLField<unknown, unknown>): readonly GraphQLObjectType[] {
  const type = getNamedType(field.type);
  if (isObjectType(type)) return [type];
  return isAbstractType(type) ? schema.getPossibleTypes(type) : [];
}

function requirementOf(parent: GraphQLObjectType, field: GraphQLField<unknown, unknown>): Requirement {
  const asked: Requirement[] = rulesOf(parent, field).map(({ name }) => {
    const requirement = ASKED_BY[name];
    if (!requirement) throw new Error(`${parent.name}.${field.name} has a rule that is not known here: ${name}.`);
    return requirement;
  });
  return asked.reduce(stricter, 'public');
}

function rulesOf(parent: GraphQLObjectType, field: GraphQLField<unknown, unknown>): Rule[] {
  const dataRule = dataRuleOf(field);
  return [...staticRulesOf(parent, field), ...(dataRule ? [dataRule] : [])];
}

/** The scopes that a rule asks for, with the condition under which it does. */
function scopesUnder(rule: Rule): string[] {
  if (rule.name === 'ownOrStaff') {
    const { own, others } = rule.parameter;
    return [`${scopesInWords([own])} if own, else ${scopesInWords([others])}`];
  }
  const scopes = scopesInWords(requirementUnder(rule, { viewer: null, registration: 'closed' }));
  if (rule.name === 'scopes') return [scopes];
  if (rule.name === 'scopesOfViewer') return [`${scopes} if signed in`];
  return rule.name === 'mayRegister' ? [`${scopes} if staff where registration is closed`] : [];
}

function stricter(a: Requirement, b: Requirement): Requirement {
  return rankOf(a) >= rankOf(b) ? a : b;
}

function rankOf(requirement: Requirement): number {
  return REQUIREMENTS.indexOf(requirement);
}

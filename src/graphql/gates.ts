import SchemaBuilder, {
  BasePlugin,
  type FieldNullability,
  type InputFieldMap,
  type InputShapeFromFields,
  type PothosOutputFieldConfig,
  type RootName,
  type SchemaTypes,
  type TypeParam,
} from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import type { RequestRefused } from '../errors.ts';
import type { Context } from './context.ts';
import { type Lack, lackUnder, type Rules, refusalOf, refusalUnder } from './judge-rules.ts';
import { toGraphQLError } from './refusal.ts';
import { type DeclaredRules, declaredRules, type RowRule } from './rules.ts';

const NAME = 'gates';

/** What the builder knows this plugin by. */
export default NAME;

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      [NAME]: Gates<Types>;
    }
    interface RootTypeOptions<Types extends SchemaTypes, Type extends RootName> {
      /** What every field of it asks for, but those that skip it. */
      authScopes?: Partial<Rules>;
    }
    interface FieldOptions<
      Types extends SchemaTypes,
      ParentShape,
      Type extends TypeParam<Types>,
      Nullable extends FieldNullability<Type>,
      Args extends InputFieldMap,
      ResolveShape,
      ResolveReturnShape,
    > {
      /** What is asked of whoever reads this field: all of these rules, or one that needs the row (`ownOrStaff`). */
      authScopes?: Partial<Rules> | RowRule<ParentShape, InputShapeFromFields<Args>>;
      /** Whether the rules of its root type do not hold here. */
      skipTypeScopes?: boolean;
    }
  }
}

type Resolver<Types extends SchemaTypes> = GraphQLFieldResolver<unknown, Types['Context'], object>;

/** Shuts each field to whoever lacks what it declares, by the judgement that the whole operation is held to before it runs. */
class Gates<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(resolve: Resolver<Types>, field: PothosOutputFieldConfig<Types>): Resolver<Types> {
    // Whoever subscribes is judged when he does, and again while his stream is open.
    return field.kind === 'Subscription' ? resolve : this.guarded(resolve, field);
  }

  override wrapSubscribe(
    subscribe: Resolver<Types> | undefined,
    field: PothosOutputFieldConfig<Types>,
  ): Resolver<Types> | undefined {
    return subscribe && field.kind === 'Subscription' ? this.guarded(subscribe, field) : subscribe;
  }

  private guarded(resolve: Resolver<Types>, field: PothosOutputFieldConfig<Types>): Resolver<Types> {
    const { pothosOptions: ofType } = this.buildCache.getTypeConfig(field.parentType);
    const { rules, rowRule } = declaredRules(
      field.parentType,
      ofType as DeclaredRules,
      field.pothosOptions as DeclaredRules,
    );
    if (rules.length === 0 && !rowRule) return resolve;
    return (parent, args, given, info) => {
      const context = given as Context;
      refuse(refusalUnder(rules, context));
      if (rowRule) refuse(refusalOf([lackAt(rowRule(parent, args, context), context)], context));
      return resolve(parent, args, context, info);
    };
  }
}

SchemaBuilder.registerPlugin(NAME, Gates);

function lackAt(verdict: ReturnType<RowRule>, context: Context): Lack {
  if (typeof verdict === 'boolean') return verdict ? null : 'standing';
  return lackUnder({ name: 'scopes', parameter: verdict.scopes }, context);
}

function refuse(refusal: RequestRefused | null): void {
  if (refusal) throw toGraphQLError(refusal);
}

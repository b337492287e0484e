import { randomUUID } from 'node:crypto';
import { Prisma } from '@prisma/client/extension';
import { newTokenId } from '../auth/key.ts';
import { type InTransaction, type PrismaPromise, runTogether, type Transactor } from './joined-transaction.ts';
import { type Data, type DataModel, type MadeRow, type Model, madeRows, objectsOf } from './nested-writes.ts';

/** The name of the login token that each user has. */
export const LOGIN_TOKEN_NAME = 'default';

/** What a user's first token is made of: kind LOGIN, the name `default`, every scope, a fresh id. */
export function newLoginToken() {
  return { id: newTokenId(), kind: 'LOGIN' as const, name: LOGIN_TOKEN_NAME, scopes: ['*'] };
}

export interface AutoTokenOptions {
  /** The model whose rows sign in. */
  userModel?: string;
  /** The field of the user model that lists its tokens. */
  tokensField?: string;
  /** The user model's id field. */
  userIdField?: string;
  /** The token model's scalar field that holds the user's id. */
  tokenUserIdField?: string;
  /** The PostgreSQL schema of the tables, when the adapter is told one and `search_path` is not. */
  schema?: string;
  /** A user's id for the ways that cannot learn it from the database; needed when ids are not strings. */
  newUserId?: () => string | number;
  /** The token's fields without its user. */
  newToken?: () => Data;
}

interface Stamp {
  userId: unknown;
  isOwnId: boolean;
  isCertain: boolean;
}

interface Creator {
  createMany(args: { data: Data[] }): PrismaPromise;
}

interface Client extends Transactor {
  _runtimeDataModel?: DataModel;
  $executeRawUnsafe(sql: string, ...values: unknown[]): PrismaPromise;
  [model: string]: unknown;
}

/** Past this many rows a leading raw statement keeps the whole list out of Prisma's cache of batch plans. */
const CACHED_ROWS = 100;

/**
 * A Prisma client extension by which every user it makes, at whatever depth of a write, has one login token.
 * Token and user are one transaction: a rollback leaves neither, and a token that cannot be made fails the user.
 * A login token given in the same create is left alone. Tokens of createMany rows, of users made under a token's
 * `user`, and of an upsert that reads no relation, are made after them in that transaction: `include` shows them later.
 * Raw SQL makes no tokens, nor does a client without the extension. Where the kind's enum values are renamed by `@map`,
 * the ways that may skip rows (skipDuplicates, such upserts) fail: Prisma's runtime does not know the names.
 */
export function autoToken(options: AutoTokenOptions = {}) {
  const { newToken = newLoginToken } = options;

  return Prisma.defineExtension((extended) => {
    // Without the generated types Prisma's type for an extension's client has no operations.
    const client = extended as unknown as Client;
    const names = namesIn(client, options);
    return extended.$extends({
      name: 'tessera-auto-token',
      query: {
        $allModels: {
          async $allOperations(call) {
            const { model, operation } = call;
            const query = call.query as (args: Data, params?: object) => Promise<unknown>;
            // A deep copy that Prisma makes for each extension: writing into it does not reach the caller's object.
            const args = call.args as Data;
            const stamps: Stamp[] = [];
            for (const row of madeRows(names.dataModel, model, operation, args)) {
              if (row.model !== names.userModel) continue;
              if (row.via?.relation === names.relation && row.via?.parent && isLogin(row.via.parent)) continue;
              if (mustFollow(row, operation, args)) stamps.push(stamp(row));
              else addToken(row.data);
            }
            if (stamps.length === 0) return query(args);
            const { before, after } = tokenStatements(stamps);
            return runTogether(
              client,
              { before, query: (params) => query(args, params), after },
              call as InTransaction,
            );
          },
        },
      },
    });

    /** Whether the token is made by a statement after the write: nothing can be nested in the row, or had better be. */
    function mustFollow(row: MadeRow, operation: string, args: Data): boolean {
      if (row.isBulk || row.via?.relation === names.relation) return true;
      // A nested write would cost Prisma's upsert its ON CONFLICT, and concurrent upserts would fail with P2002.
      const isTopUpsert = operation === 'upsert' && row.data === args.create;
      const isPlain = row.data[names.tokensField] === undefined && !readsRelation(args);
      return isTopUpsert && isPlain && !hasId(row.data) && canMakeIds();
    }

    function readsRelation(args: Data): boolean {
      const wanted = { ...(args.select as Data | null), ...(args.include as Data | null) };
      return names.user.fields.some(({ name, relationName }) => relationName !== undefined && wanted[name]);
    }

    function hasId(data: Data): boolean {
      return ['string', 'number', 'bigint'].includes(typeof data[names.userIdField]);
    }

    function canMakeIds(): boolean {
      return options.newUserId !== undefined || names.userIdType === 'String';
    }

    function stamp(row: MadeRow): Stamp {
      const isOwnId = hasId(row.data);
      if (!isOwnId) {
        if (!canMakeIds())
          throw new Error(
            `autoToken cannot make ids for ${names.userModel}.${names.userIdField} (${names.userIdType}) in this write: give each row its id, give autoToken newUserId, or use create.`,
          );
        row.data[names.userIdField] = options.newUserId?.() ?? randomUUID();
      }
      // A user made for a token that was there before may have got his login token with it.
      const isCertain = row.isCertain && row.via?.relation !== names.relation;
      return { userId: row.data[names.userIdField], isOwnId, isCertain };
    }

    function addToken(data: Data): void {
      const given = data[names.tokensField] as Data | undefined;
      const rows = [
        ...objectsOf(given?.create),
        ...objectsOf((given?.createMany as Data | undefined)?.data),
        ...objectsOf(given?.connectOrCreate).flatMap(({ create }) => objectsOf(create)),
      ];
      if (rows.some(isLogin)) return;
      data[names.tokensField] = { ...given, create: [...objectsOf(given?.create), newToken()] };
    }

    /** Whether this data makes a live token of the very kind and name that the extension would make. */
    function isLogin(data: Data): boolean {
      const login: Data = newToken();
      return (
        (data.supersededAt ?? null) === null &&
        ['kind', 'name'].every((field) => (data[field] ?? login[field]) === login[field])
      );
    }

    function tokenStatements(stamps: Stamp[]): { before: PrismaPromise[]; after: PrismaPromise[] } {
      const certain = stamps.filter(({ isCertain }) => isCertain).map(tokenOf);
      const uncertain = stamps.filter(({ isCertain }) => !isCertain).map(tokenOf);
      const mayBeKnown = stamps.filter(({ isCertain, isOwnId }) => !isCertain && isOwnId);
      const before: PrismaPromise[] = [];
      const after: PrismaPromise[] = [];
      const write = randomUUID();
      if (mayBeKnown.length > 0 || stamps.length > CACHED_ROWS) {
        before.push(client.$executeRawUnsafe(names.sql.noteKnown, write, names.usersJson(mayBeKnown)));
      }
      if (certain.length > 0) after.push((client[names.tokenAccessor] as Creator).createMany({ data: certain }));
      if (uncertain.length > 0) {
        after.push(client.$executeRawUnsafe(names.sql.insertForMade, write, names.tokensJson(uncertain)));
      }
      return { before, after };
    }

    function tokenOf({ userId }: Stamp): Data {
      return { ...newToken(), [names.tokenUserIdField]: userId };
    }
  });

  function namesIn(client: Client, given: AutoTokenOptions) {
    const { userModel = 'User', tokensField = 'tokens', userIdField = 'id', tokenUserIdField = 'userId' } = given;
    // Internal: the only place where a client knows its relations and table names (Prisma.dmmf is not generated).
    const dataModel = client._runtimeDataModel;
    if (!dataModel?.models) throw new Error('autoToken needs Prisma 7.10: this client has no _runtimeDataModel.');
    const user = modelNamed(dataModel, userModel);
    const { type: tokenModel, relationName: relation } = fieldNamed(user, userModel, tokensField);
    const token = modelNamed(dataModel, tokenModel);
    const userIdType = fieldNamed(user, userModel, userIdField).type;
    fieldNamed(token, tokenModel, tokenUserIdField);
    const tokenColumn = (name: string) => columnOf(token, tokenModel, name);
    const userIdColumn = columnOf(user, userModel, userIdField);

    return {
      dataModel,
      userModel,
      tokensField,
      userIdField,
      tokenUserIdField,
      userIdType,
      user,
      relation,
      tokenAccessor: tokenModel.charAt(0).toLowerCase() + tokenModel.slice(1),
      usersJson: (stamps: Stamp[]) => toJson(stamps.map(({ userId }) => ({ [userIdColumn]: userId }))),
      tokensJson: (tokens: Data[]) =>
        toJson(
          tokens.map((row) =>
            Object.fromEntries(Object.entries(row).map(([name, value]) => [tokenColumn(name), value])),
          ),
        ),
      sql: sqlFor(),
    };

    function sqlFor() {
      const users = tableOf(user, userModel, given.schema);
      const tokens = tableOf(token, tokenModel, given.schema);
      const userId = quoted(userIdColumn);
      const tokenUserId = quoted(tokenColumn(tokenUserIdField));
      const written = [...Object.keys(newToken()), tokenUserIdField].map((name) => quoted(tokenColumn(name)));
      const isToken = (name: string) => token.fields.some((field) => field.name === name);
      const sameName = ['kind', 'name'].filter(isToken).map((name) => quoted(tokenColumn(name)));
      const rival = [
        `rival.${tokenUserId} = made.${userId}`,
        ...sameName.map((column) => `rival.${column} = token.${column}`),
        ...(isToken('supersededAt') ? [`rival.${quoted(tokenColumn('supersededAt'))} IS NULL`] : []),
      ];
      // A setting of the transaction, by the write's own id: the one thing that a batch's statements can share.
      const noted = `coalesce(nullif(current_setting('tessera.known_users', true), ''), '{}')::jsonb`;
      return {
        noteKnown: `SELECT set_config('tessera.known_users', (${noted} || jsonb_build_object($1::text, (
          SELECT coalesce(jsonb_agg(known.${userId}::text), '[]')
          FROM ${users} known JOIN jsonb_populate_recordset(NULL::${users}, $2::jsonb) given USING (${userId})
        )))::text, true)`,
        // jsonb_populate_recordset gives each value its column's own type, whatever that is, for a single parameter.
        insertForMade: `INSERT INTO ${tokens} (${written.join(', ')})
          SELECT ${written.map((column) => `token.${column}`).join(', ')}
          FROM jsonb_populate_recordset(NULL::${tokens}, $2::jsonb) token
          JOIN ${users} made ON made.${userId} = token.${tokenUserId}
          WHERE NOT EXISTS (SELECT FROM ${tokens} rival WHERE ${rival.join(' AND ')})
          AND NOT coalesce((${noted} -> $1::text) @> to_jsonb(made.${userId}::text), false)`,
      };
    }
  }
}

function modelNamed(dataModel: DataModel, name: string): Model {
  const model = dataModel.models[name];
  if (!model) throw new Error(`autoToken: the Prisma schema has no model "${name}".`);
  return model;
}

function fieldNamed(model: Model, modelName: string, name: string) {
  const field = model.fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`autoToken: the model "${modelName}" has no field "${name}".`);
  return field;
}

function columnOf(model: Model, modelName: string, name: string): string {
  return fieldNamed(model, modelName, name).dbName ?? name;
}

function tableOf(model: Model, name: string, givenSchema: string | undefined): string {
  const schema = model.schema ?? givenSchema;
  return (schema ? `${quoted(schema)}.` : '') + quoted(model.dbName ?? name);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function toJson(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner));
}

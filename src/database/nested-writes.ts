export type Data = Record<string, unknown>;

/** The part of Prisma's runtime data model that says how models hang together and what their tables are called. */
export interface DataModel {
  models: Record<string, Model>;
}

export interface Model {
  dbName: string | null;
  schema?: string | null;
  fields: readonly Field[];
}

interface Field {
  name: string;
  kind: string;
  type: string;
  relationName?: string;
  dbName?: string | null;
}

/** A row that a write may make, at whatever depth its data stands in the arguments. */
export interface MadeRow {
  model: string;
  /** The row's own object in the arguments: what is put there is written. */
  data: Data;
  /** Whether the row is sure to be made when the write succeeds: not so for upserts, connectOrCreate and skipDuplicates. */
  isCertain: boolean;
  /** createMany takes scalars only, so nothing can be nested in this row. */
  isBulk: boolean;
  /** The relation that the row hangs on, and its parent's data when that is made in the same write. */
  via: { relation: string; parent: Data | null } | null;
}

/** Every row that a Prisma operation may make: its own, and those nested in it by create, connectOrCreate, upsert, createMany and update. */
export function* madeRows(dataModel: DataModel, model: string, operation: string, args: Data): Generator<MadeRow> {
  switch (operation) {
    case 'create':
      return yield* created(dataModel, model, args.data, true, null);
    case 'createMany':
    case 'createManyAndReturn':
      return yield* bulk(model, args, true, null);
    case 'update':
      return yield* nested(dataModel, model, args.data, true, false);
    case 'upsert':
      yield* created(dataModel, model, args.create, false, null);
      return yield* nested(dataModel, model, args.update, false, false);
  }
}

function* created(
  dataModel: DataModel,
  model: string,
  data: unknown,
  isCertain: boolean,
  via: MadeRow['via'],
): Generator<MadeRow> {
  if (!isData(data)) return;
  yield { model, data, isCertain, isBulk: false, via };
  yield* nested(dataModel, model, data, isCertain, true);
}

function* bulk(model: string, write: Data, isCertain: boolean, via: MadeRow['via']): Generator<MadeRow> {
  const isEveryRowMade = isCertain && write.skipDuplicates !== true;
  for (const data of objectsOf(write.data)) yield { model, data, isCertain: isEveryRowMade, isBulk: true, via };
}

function* nested(
  dataModel: DataModel,
  model: string,
  data: unknown,
  isCertain: boolean,
  isCreate: boolean,
): Generator<MadeRow> {
  if (!isData(data)) return;
  for (const { name, type, relationName } of dataModel.models[model]?.fields ?? []) {
    const write = data[name];
    if (relationName === undefined || !isData(write)) continue;
    const via = { relation: relationName, parent: isCreate ? data : null };
    for (const create of objectsOf(write.create)) yield* created(dataModel, type, create, isCertain, via);
    for (const either of objectsOf(write.connectOrCreate)) yield* created(dataModel, type, either.create, false, via);
    for (const upsert of objectsOf(write.upsert)) {
      yield* created(dataModel, type, upsert.create, false, via);
      yield* nested(dataModel, type, upsert.update, false, false);
    }
    for (const update of objectsOf(write.update)) {
      yield* nested(dataModel, type, updateData(dataModel, type, update), isCertain, false);
    }
    if (isData(write.createMany)) yield* bulk(type, write.createMany, isCertain, via);
  }
}

/** A to-one relation's update is the data itself or `{ where, data }`; a model may have a field called `data`, too. */
function updateData(dataModel: DataModel, model: string, update: Data): unknown {
  const fields = dataModel.models[model]?.fields.map(({ name }) => name) ?? [];
  const isWrapped =
    isData(update.data) &&
    Object.keys(update).every((key) => key === 'data' || key === 'where') &&
    Object.keys(update.data).every((key) => fields.includes(key));
  return isWrapped ? update.data : update;
}

/** One object or a list of them: Prisma takes either wherever it takes several. */
export function objectsOf(value: unknown): Data[] {
  return (Array.isArray(value) ? value : [value]).filter(isData);
}

function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

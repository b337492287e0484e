import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import { PGlitePool } from './pglite-pool.mjs';

/** The type "char", one byte, with which the catalogue marks kinds; adapter-pg 7.10.0 does not know it. */
const CHAR_OID = 18;
const TEXT_OID = 25;

/**
 * The database behind a schema engine: the server named by the URL, or an empty PGlite when there is none.
 * The shadow database is always a PGlite of its own, so that comparing migrations needs no server and no right to create
 * databases.
 */
export function migrationDatabase(url) {
  const open = [];
  async function adapterOn(pool) {
    const adapter = await new PrismaPg(pool).connect();
    open.push(pool);
    return mendedAdapter(adapter, pool);
  }
  const adapterFactory = bindMigrationAwareSqlAdapterFactory({
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    // One connection: the engine's advisory lock belongs to a session.
    connect: () => adapterOn(url === undefined ? new PGlitePool() : new pg.Pool({ connectionString: url, max: 1 })),
    connectToShadowDb: () => adapterOn(new PGlitePool()),
  });
  return {
    adapterFactory,
    async close() {
      await Promise.all(open.map((pool) => pool.end()));
    },
  };
}

function mendedAdapter(adapter, pool) {
  const performIO = adapter.performIO.bind(adapter);
  const queryRaw = adapter.queryRaw.bind(adapter);
  const charColumns = new WeakMap();
  adapter.performIO = async (query) => {
    const result = await performIO(query);
    const found = result.fields.flatMap((field, column) => (field.dataTypeID === CHAR_OID ? [column] : []));
    for (const column of found) result.fields[column].dataTypeID = TEXT_OID;
    charColumns.set(query, found);
    return result;
  };
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const column of charColumns.get(query)) result.columnTypes[column] = ColumnTypeEnum.Character;
    return result;
  };
  // The adapter's own splits at every ";", also inside a function's body.
  adapter.executeScript = async (script) => {
    await pool.query(script).catch((error) => adapter.onError(error));
  };
  return adapter;
}

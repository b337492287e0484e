import { vi } from 'vitest';
import type { Database } from '../src/database/client.ts';

/** What reads pages of tokens from this database, to be held up or to fail; whatever else is read is read. Once a time. */
export function watchTokenLists(database: Database) {
  const read = database.$read.bind(database);
  const list = vi.fn(read);
  const watched = vi
    .spyOn(database, '$read')
    .mockImplementation((sql, values) => (/ORDER BY "createdAt"/.test(sql) ? list(sql, values) : read(sql, values)));
  return Object.assign(list, { end: () => watched.mockRestore() });
}

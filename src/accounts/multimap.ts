/** Several values under one key, which is forgotten with the last of them. */
export interface Multimap<Key, Value> {
  add(key: Key, value: Value): void;
  delete(key: Key, value: Value): void;
  get(key: Key): ReadonlySet<Value>;
  keys(): Key[];
  /** How many keys there are. */
  size(): number;
}

export function createMultimap<Key, Value>(): Multimap<Key, Value> {
  const sets = new Map<Key, Set<Value>>();
  return {
    add(key, value) {
      sets.set(key, (sets.get(key) ?? new Set()).add(value));
    },
    delete(key, value) {
      const values = sets.get(key);
      values?.delete(value);
      if (values?.size === 0) sets.delete(key);
    },
    get: (key) => sets.get(key) ?? new Set(),
    keys: () => [...sets.keys()],
    size: () => sets.size,
  };
}

import { LRUCache } from 'lru-cache';

/**
 * A cache of so many entries at most, without whatever was used longest ago. lru-cache by itself takes up the room for
 * all of them at once: megabytes, where there may be 100,000.
 */
export function growingLru<Value extends object | string | number>(
  most: number,
  dispose?: (value: Value, key: string) => void,
): LRUCache<string, Value> {
  return new LRUCache<string, Value>({ maxSize: most, sizeCalculation: () => 1, ...(dispose && { dispose }) });
}

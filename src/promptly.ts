/** What is at hand, or comes later. */
export type Promptly<Value> = Value | Promise<Value>;

/**
 * Goes on with a value: at once where it is at hand, as a key's owner mostly is. Each `await` of what is there already
 * costs a turn of the queue, and the common request would pass a dozen of them.
 */
export function whenThere<Value, Next>(value: Promptly<Value>, next: (value: Value) => Promptly<Next>): Promptly<Next> {
  return value instanceof Promise ? value.then(next) : next(value);
}

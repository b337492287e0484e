const known = new Map<string, string>();

/** A header's name in lower case; for names that are all written down in this server, of which there is an end. */
export function lowerCase(name: string): string {
  let lower = known.get(name);
  if (lower === undefined) {
    lower = name.toLowerCase();
    known.set(name, lower);
  }
  return lower;
}

/** The words of a header, apart by any run of white space, as Python's `split` has it. */
export function splitAtWhiteSpace(header: string): string[] {
  return header.split(/[ \t\n\r\v\f]+/).filter((part) => part !== '');
}

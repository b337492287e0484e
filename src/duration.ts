const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
/** The longest that there is. */
export const LONGEST_SECONDS = 100 * 365 * 86_400;

/** What a duration is, for messages that refuse something else. */
export const DURATION_RULE = 'a duration of up to 100 years such as 90s, 15m, 12h, 30d or 8w';

/** The seconds of a duration such as `30d`, or undefined when the text is none. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = ''] = /^([1-9]\d{0,9})([smhdw])$/.exec(text) ?? [];
  const seconds = Number(number) * (SECONDS[unit] ?? Number.NaN);
  return seconds <= LONGEST_SECONDS ? seconds : undefined;
}

/** So many seconds as `parseDuration` reads them, in the largest unit that says them without a rest, weeks aside. */
export function writeDuration(seconds: number): string {
  const unit = ['d', 'h', 'm'].find((each) => seconds % (SECONDS[each] ?? 1) === 0) ?? 's';
  return `${seconds / (SECONDS[unit] ?? 1)}${unit}`;
}

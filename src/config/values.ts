import * as z from 'zod';
import { DURATION_RULE, LONGEST_SECONDS, parseDuration } from '../duration.ts';

// What a variable may hold, by its kind.

export function list() {
  return z.string().transform((text) => text.split(',').map((part) => part.trim()));
}

// With a path there would be two opinions of what else stands on that host: cookies and origins know none.
export function originOf(text: string, context: z.RefinementCtx): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  // A host of any name is what somebody may mean by `*`; browsers never send it, so it would match nothing.
  const isNamed = url !== null && /^https?:$/.test(url.protocol) && !url.hostname.includes('*');
  if (isNamed && text.replace(/\/$/, '').toLowerCase() === url.origin) return url.origin;
  context.addIssue({
    code: 'custom',
    message: 'must be the http or https URL of an origin, without a path, such as https://api.example.org',
  });
  return z.NEVER;
}

/** A duration in seconds. */
export function duration(mostSeconds = LONGEST_SECONDS, rule = DURATION_RULE) {
  return z.string().transform((text, context) => {
    const seconds = parseDuration(text);
    if (seconds !== undefined && seconds <= mostSeconds) return seconds;
    context.addIssue({ code: 'custom', message: `must be ${rule}` });
    return z.NEVER;
  });
}

/** A duration in seconds, or null for `none`. */
export function durationOrNone() {
  const none = z.literal('none').transform(() => null);
  return z.union([none, duration()], { error: `must be ${DURATION_RULE}, or none` });
}

export function wholeNumber(least: number, most: number, rule = `must be a whole number from ${least} to ${most}`) {
  return z
    .string()
    .regex(/^\d+$/, rule)
    .transform(Number)
    .refine((number) => number >= least && number <= most, rule);
}

/** A whole number, or null for `none`. */
export function wholeNumberOrNone(least: number, most: number) {
  const rule = `must be a whole number from ${least} to ${most}, or none`;
  const none = z.literal('none').transform(() => null);
  return z.union([none, wholeNumber(least, most, rule)], { error: rule });
}

/** Whether it is on. */
export function onOrOff() {
  return z.enum(['on', 'off'], 'must be on or off').transform((word) => word === 'on');
}

export function isPostgresUrl(text: string): boolean {
  try {
    return /^postgres(ql)?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}

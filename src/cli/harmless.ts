/**
 * Text from elsewhere as a terminal may be fed it: what would steer the terminal, turn the writing round or hide
 * (control and format characters, line separators, halves of surrogate pairs) is spelt out: `\u{1b}`.
 */
export function harmless(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${codePointOf(character)}}`,
  );
}

function codePointOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}

/** JSON that means the very same and is harmless too: JSON.stringify escapes the first 32 control characters alone. */
export function harmlessJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replaceAll(
    /[^\P{Cc}\n]|[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/gu,
    (character) =>
      [...Array(character.length).keys()]
        .map((unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`)
        .join(''),
  );
}

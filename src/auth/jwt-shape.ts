/** Whether this string has the shape of a signed JSON web token; says nothing of its truth. */
export function isJwtShaped(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text);
}

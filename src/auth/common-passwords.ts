const RANKS_REFUSED = 10_000;

let common: Promise<ReadonlySet<string>> | undefined;

/** Whether this is one of the 10,000 most common passwords, in any mix of upper and lower case. */
export async function isCommonPassword(password: string): Promise<boolean> {
  common ??= readCommon();
  return (await common).has(password.toLowerCase());
}

// Half a megabyte, to be unpacked: when a password is first chosen, and not at every start.
async function readCommon(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set(dictionary['passwords-common'].slice(0, RANKS_REFUSED));
}

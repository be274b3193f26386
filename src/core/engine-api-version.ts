/** The newest version of the Engine API that the tests have run on (Docker 28.5). A newer Engine is asked at this one. */
export const newestKnownApiVersion = '1.51';
/** The oldest that has all that is asked for (Docker 20.10). */
export const oldestUsableApiVersion = '1.41';

/** What an Engine says of itself. */
export interface EngineVersions {
  /** The newest version of the API that it speaks. */
  readonly newest: string;
  /** The oldest that it speaks; undefined where that is not known. */
  readonly oldest?: string | undefined;
}

/**
 * The version of the API to ask an Engine at, and whether the tests know that Engine; or why there is none. `too_new` is only
 * an Engine that has given up every version that is known here.
 */
export type ApiVersionChoice =
  | { readonly support: 'known' | 'newer'; readonly version: string }
  | { readonly support: 'too_old' | 'too_new' };

/**
 * Reads `1.41` and the like.
 * @returns undefined for anything else
 */
export function readApiVersion(value: unknown): string | undefined {
  return typeof value === 'string' && /^\d{1,4}\.\d{1,4}$/.test(value) ? value : undefined;
}

/** @param versions as `readApiVersion` answers them */
export function chooseApiVersion({ newest, oldest }: EngineVersions): ApiVersionChoice {
  if (isOlderApiVersion(newest, oldestUsableApiVersion)) {
    return { support: 'too_old' };
  }
  if (oldest !== undefined && isOlderApiVersion(newestKnownApiVersion, oldest)) {
    return { support: 'too_new' };
  }
  return isOlderApiVersion(newestKnownApiVersion, newest)
    ? { support: 'newer', version: newestKnownApiVersion }
    : { support: 'known', version: newest };
}

/** @param version and `than`: as `readApiVersion` answers them */
export function isOlderApiVersion(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = than.split('.').map(Number);
  return major === otherMajor ? minor < otherMinor : major < otherMajor;
}

import { judgeStorage } from './storage.ts';

/** What a service mounts, as far as storage goes. */
interface Mount {
  readonly type: 'volume' | 'bind' | 'cluster' | 'other';
  readonly driver?: string;
  readonly driverOptions: Readonly<Record<string, string>>;
}

/**
 * Whether a volume of a service may be one storage with that of another node: then a node that nobody hears from may still
 * write to it. What can't be judged may be.
 * @param isShared what the service's own label says; it decides
 */
export function mayBeOneStorage(mounts: readonly Mount[], isShared: boolean | undefined): boolean {
  return (
    isShared ??
    mounts.some(({ type, driver, driverOptions: options }) =>
      type === 'volume'
        ? judgeStorage({ options, ...(driver !== undefined && { driver }) }) !== 'local'
        : type === 'cluster',
    )
  );
}

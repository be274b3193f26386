import type { RegistryCredentials } from '../../core/registry-credentials.ts';

/** What goes into the header X-Registry-Auth. */
export function writeLogin(credentials: RegistryCredentials | undefined): object | undefined {
  return (
    credentials && {
      username: credentials.username,
      password: credentials.password,
      serveraddress: credentials.registry,
    }
  );
}

import { randomBytes } from 'node:crypto';

/** A key in two halves, both of which are noise without the other one. In hexadecimal digits, two for a byte. */
export interface SealedKey {
  readonly sealed: string;
  /** As long as the key, and never used for another one. */
  readonly seal: string;
}

/**
 * For helpers that read a volume by its paths. Who writes that volume meanwhile can put a link in the place of a folder,
 * and so lead the program to every file of its own container: what is in a file there can end in an archive. With one half
 * in a Docker secret and the other one in a variable, no file has a key. (Files of /proc, which have variables, say that
 * they are empty: what is read of them does not fit into an archive, and the backup fails.)
 */
export function sealKey(key: string): SealedKey {
  const bytes = Buffer.from(key, 'utf8');
  const seal = randomBytes(bytes.length);
  return {
    sealed: Buffer.from(bytes.map((byte, index) => byte ^ (seal[index] ?? 0))).toString('hex'),
    seal: seal.toString('hex'),
  };
}

/** Docker secrets of a helper that runs offen's program. */
export const sealedKeys = {
  access: '/run/secrets/swarm-utils-access-key',
  secret: '/run/secrets/swarm-utils-secret-key',
} as const;

/** Pipes that the program reads its keys from, once, before it looks at the volume. What was read is nowhere then. */
export const unsealedKeys = { access: '/tmp/.access-key', secret: '/tmp/.secret-key' } as const;

/** For POSIX shells: makes those pipes, where there are keys to read. */
export const unsealKeys = `
[ -z "\${SEAL_OF_SECRET_KEY-}" ] || {
  mkfifo -m 600 ${unsealedKeys.access} ${unsealedKeys.secret}
  unseal ${sealedKeys.access} "$SEAL_OF_ACCESS_KEY" >${unsealedKeys.access} &
  unseal ${sealedKeys.secret} "$SEAL_OF_SECRET_KEY" >${unsealedKeys.secret} &
}
`;

/** For POSIX shells: `unseal FILE SEAL` prints the key whose sealed half is in the file. */
export const unsealFunction = `
unseal() {
  sealed=$(cat "$1") seal=$2 text=
  while [ -n "$seal" ]; do
    left=\${sealed#??} right=\${seal#??}
    byte=$((0x\${sealed%"$left"} ^ 0x\${seal%"$right"}))
    text=$text\\\\$((byte / 64))$((byte / 8 % 8))$((byte % 8))
    sealed=$left seal=$right
  done
  printf "$text"
}
`;

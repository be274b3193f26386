import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabError } from './lab-error.ts';
import { runChecked } from './run-command.ts';
import type { S3Credentials } from './s3-process.ts';

/** An object in a bucket, as a listing has it. */
export interface S3Object {
  readonly key: string;
  readonly size: number;
  /** When it was stored, as the server says. */
  readonly lastModified: Date;
}

/** What tests look up and lay down in the lab's S3. A fault is a `command-failed` with what rclone says. */
export interface S3Objects {
  /** Makes a bucket; harmless when it is there. */
  createBucket(bucket: string): Promise<void>;
  /** The objects whose keys start so, by key. */
  list(bucket: string, prefix?: string): Promise<S3Object[]>;
  /** Throws `s3-failed` where there is no such object. */
  read(bucket: string, key: string): Promise<Buffer>;
  write(bucket: string, key: string, content: string | Uint8Array): Promise<void>;
  remove(bucket: string, key: string): Promise<void>;
  /** Removes every bucket with all that is in it. */
  removeBuckets(): Promise<void>;
}

/** Access to an S3 through rclone, an S3 client that none of the project's own code has a part in. */
export function createS3Objects(endpoint: string, { accessKey, secretKey }: S3Credentials): S3Objects {
  const env = {
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_LAB_TYPE: 's3',
    RCLONE_CONFIG_LAB_PROVIDER: 'Ceph',
    RCLONE_CONFIG_LAB_ENDPOINT: endpoint,
    RCLONE_CONFIG_LAB_ACCESS_KEY_ID: accessKey,
    RCLONE_CONFIG_LAB_SECRET_ACCESS_KEY: secretKey,
    // What this machine says of other S3s.
    AWS_CA_BUNDLE: '',
    AWS_PROFILE: '',
  };
  const rclone = (args: readonly string[], input?: string | Uint8Array) =>
    runChecked('rclone', ['--retries', '1', ...args], { env, ...(input !== undefined && { input }) });

  return {
    async createBucket(bucket) {
      await rclone(['mkdir', `lab:${bucket}`]);
    },

    async list(bucket, prefix = '') {
      // By the server's time: rclone's own is another, which it keeps beside the object.
      const args = ['lsjson', '--recursive', '--files-only', '--use-server-modtime', `lab:${bucket}`];
      const listed = JSON.parse(await rclone(args)) as readonly {
        readonly Path: string;
        readonly Size: number;
        readonly ModTime: string;
      }[];
      return listed
        .map(({ Path, Size, ModTime }) => ({ key: Path, size: Size, lastModified: new Date(ModTime) }))
        .filter(({ key }) => key.startsWith(prefix))
        .sort((left, right) => (left.key < right.key ? -1 : 1));
    },

    async read(bucket, key) {
      const folder = await mkdtemp(join(tmpdir(), 'swarm-utils-lab-s3-'));
      try {
        await rclone(['copyto', `lab:${bucket}/${key}`, join(folder, 'object')]);
        // Of a key that is not there it makes an empty folder, and is content.
        return await readFile(join(folder, 'object')).catch((cause: unknown) => {
          throw new LabError('s3-failed', `There is no ${key} in ${bucket}.`, { cause });
        });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },

    async write(bucket, key, content) {
      await rclone(['rcat', `lab:${bucket}/${key}`], content);
    },

    async remove(bucket, key) {
      await rclone(['deletefile', `lab:${bucket}/${key}`]);
    },

    async removeBuckets() {
      const buckets = JSON.parse(await rclone(['lsjson', 'lab:'])) as readonly { readonly Path: string }[];
      await Promise.all(buckets.map(({ Path }) => rclone(['purge', `lab:${Path}`])));
    },
  };
}

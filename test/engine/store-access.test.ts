import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BackupStore } from '../../src/core/backup.ts';
import { OperationError } from '../../src/core/errors.ts';
import {
  offenAccess,
  rcloneAccess,
  resticAccess,
  type StoreAccess,
} from '../../src/engine/backup/store-access.ts';

const secretTexts = ['ACCESS-canary', 'SECRET-canary', 'PASSWORD-canary'];
const [accessKey = '', secretKey = '', resticPassword = ''] = secretTexts;
const authority = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

const store = (target: object = {}, rest: Partial<BackupStore> = {}): BackupStore => ({
  engine: 'restic',
  prefix: 'shop',
  retentionDays: 5,
  resticPassword,
  target: {
    kind: 's3',
    endpoint: 's3.test:9000',
    isHttps: true,
    bucket: 'backups',
    accessKey,
    secretKey,
    ...target,
  },
  ...rest,
});
const local = store({}, { target: { kind: 'local' } });
const textOf = ({ secrets }: StoreAccess, end: string) =>
  secrets.find(({ path }) => path.endsWith(end))?.value ?? assert.fail(end);

describe('what a helper needs to reach a store', () => {
  test('no secret is in the environment', () => {
    for (const access of [rcloneAccess(store()), resticAccess(store()), offenAccess(store())]) {
      const shown = JSON.stringify([access.environment, access.mounts]);
      for (const secret of secretTexts) {
        assert.ok(!shown.includes(secret), shown);
      }
      const paths = access.secrets.map(({ path }) => path);
      assert.equal(new Set(paths).size, paths.length);
    }
  });

  test('rclone has its configuration in a file', () => {
    const access = rcloneAccess(store());
    assert.equal(access.root, 'store:backups/shop');
    const file = textOf(access, 'rclone');
    assert.equal(access.environment.RCLONE_CONFIG, access.secrets[0]?.path);
    assert.ok(
      file.startsWith('[store]\ntype = `s3`\nprovider = `Other`\nendpoint = `https://s3.test:9000`\n'),
    );
    assert.match(file, /\nsecret_access_key = `SECRET-canary`\n/);
    assert.match(file, /\nforce_path_style = `true`\nno_check_bucket = `true`\n$/);
    const plain = rcloneAccess(store({ isHttps: false }));
    assert.match(textOf(plain, 'rclone'), /http:\/\/s3\.test/);
  });

  test('restic has a repository for each service', () => {
    const { environment, ...access } = resticAccess(store());
    assert.equal(environment.RESTIC_REPOSITORY, 's3:https://s3.test:9000/backups/shop/restic');
    assert.equal(textOf({ environment, ...access }, 'restic'), 'PASSWORD-canary\n');
    assert.match(
      textOf({ environment, ...access }, 'credentials'),
      /^\[default]\naws_access_key_id = `ACCESS/,
    );
    assert.throws(
      () => resticAccess({ ...store(), resticPassword: undefined as unknown as string }),
      (error: OperationError) => error.code === 'backup_target_incomplete',
    );
  });

  test("offen's keys are in no file, which a link in a volume could lead it to, and in no variable", () => {
    const access = offenAccess(store());
    const { environment } = access;
    for (const [end, seal, key] of [
      ['secret-key', environment.SEAL_OF_SECRET_KEY, secretKey],
      ['access-key', environment.SEAL_OF_ACCESS_KEY, accessKey],
    ] as const) {
      const halves = [textOf(access, end), seal ?? ''].map(half => Buffer.from(half, 'hex'));
      const [one, other] = halves;
      assert.ok(halves.every(half => half.length === key.length && half.toString() !== key));
      assert.equal(
        Buffer.from(one?.map((byte, index) => byte ^ (other?.[index] ?? 0)) ?? []).toString(),
        key,
      );
    }
    assert.deepEqual(
      [environment.AWS_ENDPOINT, environment.AWS_ENDPOINT_PROTO, environment.AWS_S3_PATH],
      ['s3.test:9000', 'https', 'shop'],
    );
    // Both would mean neither to it.
    for (const name of Object.keys(environment).filter(
      key => key.endsWith('_FILE') && key.startsWith('AWS'),
    )) {
      assert.ok(!(name.replace('_FILE', '') in environment));
    }
    // Its own retention goes by what names begin with.
    assert.ok(!Object.keys(environment).some(name => /RETENTION|PRUN/.test(name)));
  });

  test('a certificate authority of its own is for https only', () => {
    const trusting = store({ certificateAuthority: authority });
    for (const access of [rcloneAccess(trusting), resticAccess(trusting), offenAccess(trusting)]) {
      assert.equal(textOf(access, 'authority'), authority);
      assert.ok(JSON.stringify(access.environment).includes('swarm-utils-authority'));
    }
    const plain = store({ certificateAuthority: authority, isHttps: false });
    for (const access of [rcloneAccess(plain), resticAccess(plain), offenAccess(plain)]) {
      assert.ok(!access.secrets.some(({ path }) => path.includes('authority')));
    }
  });

  test('the target local is a volume and needs no secret', () => {
    assert.equal(rcloneAccess(local).root, '/backups/shop');
    assert.deepEqual(rcloneAccess(local).secrets, []);
    assert.deepEqual(rcloneAccess(local, { isReadOnly: true }).mounts, [
      { type: 'volume', source: 'swarm-utils-backups', target: '/backups', isReadOnly: true },
    ]);
  });

  test('where backups of others are is no name that a link in a volume could have', () => {
    const folders = [1, 2].flatMap(() => {
      const [offen, restic] = [offenAccess(local), resticAccess(local)];
      const [archives, repository] = [offen.environment.BACKUP_ARCHIVE, restic.environment.RESTIC_REPOSITORY];
      return [
        [archives?.replace('/shop/.incoming', ''), offen.mounts.at(-1)],
        [repository?.replace('/shop/restic', ''), restic.mounts.at(-1)],
      ] as const;
    });
    for (const [folder, mount] of folders) {
      assert.match(folder ?? '', /^\/backups-[0-9a-f]{32}$/);
      assert.equal(mount?.target, folder);
    }
    assert.equal(new Set(folders.map(([folder]) => folder)).size, 4);
  });

  test('a key can not break out of the files of rclone and restic', () => {
    for (const key of ['a\nendpoint = evil', 'a`b', '%(type)s', 'a\rb', 'a\u0000b']) {
      for (const access of [rcloneAccess, resticAccess]) {
        const refused = (error: OperationError) =>
          error instanceof OperationError &&
          error.code === 'backup_target_incomplete' &&
          !error.message.includes(key);
        assert.throws(() => access(store({ secretKey: key })), refused);
        assert.throws(() => access(store({ accessKey: key })), refused);
      }
    }
    assert.throws(() => resticAccess(store({}, { resticPassword: 'a\nb' })), OperationError);
  });
});

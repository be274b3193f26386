import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { BackupStore } from '../../src/core/backup.ts';
import { volumeFolder } from '../../src/engine/backup/restore-folder.ts';
import { archiveUnpacking } from '../../src/engine/backup/unpack.ts';
import { type TarEntry, tar, tarGz, volumeEntries } from '../fixtures/tar.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { CommandResult } from '../lab/run-command.ts';

/*
 * The helper that unpacks archives, as the engine describes it: its image, command, capabilities and mounts, in a container.
 * Its tar is busybox's, as in the published image.
 */
describe('archives', { timeout: 300_000 }, () => {
  const volume = 'archives-data';
  const name = `node-1_${volume}_2026-11-22T03-00-00Z.tar.gz`;
  const store: BackupStore = { engine: 'offen', prefix: 'shop', target: { kind: 'local' }, retentionDays: 5 };
  const archive = { name, node: 'node-1', volume, backup: '2026-11-22T03-00-00Z' };
  const old = 'keep\n';
  let lab: Lab;

  before(async () => {
    const instance = Number(process.env.SWARM_UTILS_LAB_INSTANCE ?? '1');
    lab = await startLab({ instance, nodes: 3, managers: 1 });
    await lab.reset();
  });
  after(() => lab.reset());

  const inContainer = async (
    mounts: readonly string[],
    text: string,
    input: Uint8Array = new Uint8Array(),
  ) => {
    const volumes = mounts.flatMap(mount => ['--volume', mount]);
    const args = ['run', '--rm', '--interactive', ...volumes, lab.images.runner, 'sh', '-euc', text];
    const { exitCode, stdout, stderr } = await lab.manager.docker(args, { input });
    assert.equal(exitCode, 0, stderr);
    return stdout;
  };
  const look = (text: string) => inContainer([`${volume}:/v`], `cd /v; ${text}`);

  /** Lays the archive in the node's backups, some content in the volume, and unpacks. */
  const unpack = async (content: Uint8Array): Promise<CommandResult> => {
    await inContainer(
      [`${volume}:/v`, 'swarm-utils-backups:/b'],
      `rm -rf /v/* /v/.[!.]* && printf 'keep\\n' >/v/old && mkdir -p /b/shop && cat >"/b/shop/${name}"`,
      content,
    );
    const {
      command,
      capabilities = [],
      environment = {},
      mounts,
      image,
    } = archiveUnpacking(lab.images.rclone, store, archive, {
      type: 'volume',
      source: volume,
      target: volumeFolder,
      isReadOnly: false,
    });
    const [program = '', ...rest] = command;
    return lab.manager.docker([
      ...['run', '--rm', '--read-only', '--network', 'none', '--cap-drop', 'ALL'],
      ...capabilities.flatMap(capability => ['--cap-add', capability.replace('CAP_', '')]),
      ...Object.entries(environment).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      ...mounts.flatMap(mount =>
        mount.type === 'scratch'
          ? ['--volume', mount.target]
          : ['--volume', `${mount.source}:${mount.target}${mount.isReadOnly ? ':ro' : ''}`],
      ),
      ...['--entrypoint', program, image, ...rest],
    ]);
  };
  const assertUnpacked = ({ exitCode, stdout, stderr }: CommandResult) => {
    assert.equal(exitCode, 0, stderr);
    return stdout.trim();
  };
  /** It failed, and the volume is as it was. */
  const assertRefused = async ({ exitCode, stderr }: CommandResult, reason: RegExp) => {
    assert.notEqual(exitCode, 0);
    assert.match(stderr, reason);
    assert.equal(await look('find . -mindepth 1; cat old; stat -c %h old'), `./old\n${old}1\n`);
  };
  const base: TarEntry = {
    name: `/backup/${volume}`,
    type: '5',
    mode: 0o2750,
    owner: 70,
    group: 71,
    time: 1_600_000_000,
  };
  const entry = (path: string, rest: Omit<TarEntry, 'name'> = {}): TarEntry => ({
    name: `/backup/${volume}/${path}`,
    owner: 70,
    group: 71,
    time: 1_500_000_000,
    ...rest,
  });

  test('owners, modes, times and links are kept, and whatever names files may have', async () => {
    const long = `${'long/'.repeat(10)}${'n'.repeat(200)}`;
    const odd = ['-rf', ' sp ace ', 'new\nline', '$(id)`id`;"\'', 'naïve', '名', '..hidden', 'b\\', '%s'];
    const result = await unpack(
      tarGz([
        base,
        entry('sub', { type: '5', mode: 0o1777, owner: 3_000_000 }),
        entry('sub/suid', { content: 'x', mode: 0o4755 }),
        entry('sub/huge-owner', { content: 'x', owner: 4_000_000, group: 5_000_000, mode: 0o400 }),
        entry('to-nowhere', { type: '2', link: '/nowhere' }),
        entry('to-odd', { type: '2', link: '../näh' }),
        entry('fifo', { type: '6', mode: 0o600 }),
        entry(long, { content: 'deep' }),
        ...odd.map((path, index) => entry(path, { content: `${index}` })),
        entry(' dir ', { type: '5' }),
      ]),
    );
    assert.match(assertUnpacked(result), /^\d+ \d+$/);
    const shown = await look(
      'cd .swarm-utils-restore/new; for f in . sub sub/suid sub/huge-owner to-nowhere to-odd fifo " dir "; ' +
        'do stat -c "%n %F %a %u:%g %Y %N" "$f"; done',
    );
    const time = 1_500_000_000;
    assert.deepEqual(shown.split('\n').slice(0, -1), [
      '. directory 2750 70:71 1600000000 .',
      `sub directory 1777 3000000:71 ${time} sub`,
      `sub/suid regular file 4755 70:71 ${time} sub/suid`,
      `sub/huge-owner regular file 400 4000000:5000000 ${time} sub/huge-owner`,
      `to-nowhere symbolic link 777 70:71 ${time} 'to-nowhere' -> '/nowhere'`,
      `to-odd symbolic link 777 70:71 ${time} 'to-odd' -> '../näh'`,
      `fifo fifo 600 70:71 ${time} fifo`,
      ` dir  directory 755 70:71 ${time}  dir `,
    ]);
    const contents = await look(
      `cd .swarm-utils-restore/new; for f in ${odd.map(path => `'${path.replaceAll("'", "'\\''")}'`).join(' ')}; ` +
        'do cat -- "./$f"; done; cat long/long/long/long/long/long/long/long/long/long/nnn*',
    );
    assert.equal(contents, '012345678deep');
    assert.equal(await look('cat old'), old);
  });

  test('sizes that only an extended header tells, as those from 8 GiB on', async () => {
    const content = randomBytes(70_000);
    // What follows must not be taken for headers, though it looks like some.
    const forged = tar([{ name: '/backup/forged', content: 'x' }]);
    const entries = [
      base,
      entry('big', { content }),
      entry('tar', { content: forged }),
      entry('after', { content: 'z' }),
    ];
    const result = await unpack(tarGz(entries, { hasSizesInRecords: true }));
    assert.equal(assertUnpacked(result), `3 ${content.length + forged.length + 1}`);
    const sums = await look('cd .swarm-utils-restore/new; stat -c %s big tar after; cat after; ls ..');
    assert.equal(
      sums,
      `${content.length}\n${forged.length}\n1\nzcomplete\ncopy\nnew\nold\nsaid\nscan\nstamp\n`,
    );
  });

  for (const [what, make, reason] of [
    ['a name that climbs', () => [base, { name: '../../../old', content: 'evil' }], /lead out of it/],
    [
      'a name that climbs later',
      () => [base, entry('../../../../old', { content: 'evil' })],
      /lead out of it/,
    ],
    [
      'a name that climbs in an extended header',
      () => [base, entry(`../../../../${'x/../'.repeat(30)}old`, { content: 'evil' })],
      /lead out of it/,
    ],
    [
      'a link up, and a file through it',
      () => [base, entry('l', { type: '2', link: '../../../..' }), entry('l/old', { content: 'evil' })],
      /can't create symlink/,
    ],
    [
      'a link to the volume, and a file through it',
      () => [base, entry('l', { type: '2', link: volumeFolder }), entry('l/old', { content: 'evil' })],
      /can't create symlink/,
    ],
    [
      'a hard link to the old content',
      () => [base, entry('l', { type: '1', link: `${volumeFolder}/old` }), entry('l', { content: 'evil' })],
      /lead out of it/,
    ],
    [
      'a hard link up',
      () => [base, entry('l', { type: '1', link: '../../../../old' }), entry('l', { content: 'evil' })],
      /lead out of it/,
    ],
    [
      'a hard link up in an extended header',
      () => [base, entry('l', { type: '1', link: `${'x/../'.repeat(30)}../../../../old` })],
      /lead out of it/,
    ],
    [
      'the folder itself as a link',
      () => [
        { name: '/backup', type: '5' },
        { name: `/backup/${volume}`, type: '2', link: '../..' },
      ],
      /There is no folder/,
    ],
    [
      'the folder above as a link',
      () => [{ name: '/backup', type: '2', link: '../..' }, base],
      /can't create symlink|There is no folder/,
    ],
    ['a device', () => [base, entry('disk', { type: '3' })], /can't create node/],
    ['another volume', () => volumeEntries('another', { x: 'y' }), /There is no folder/],
    ['nothing', () => [], /There is no folder/],
  ] as const satisfies readonly (readonly [string, () => readonly TarEntry[], RegExp])[]) {
    test(`hostile: ${what}`, async () => assertRefused(await unpack(tarGz(make())), reason));
  }

  const whole = () =>
    tarGz([base, entry('a', { content: randomBytes(200_000) }), entry('b', { content: 'b' })]);
  for (const [what, make, reason] of [
    ['cut off', () => whole().subarray(0, 100_000), /gzip 1/],
    ['with one wrong bit', () => flip(whole()), /gzip 1/],
    ['that is empty', () => Buffer.alloc(0), /gzip 1/],
    ['that is no archive', () => Buffer.from('no archive at all'.repeat(100)), /gzip 1/],
    [
      'with no end',
      () => tarGz([base, entry('a', { content: 'a' })], { hasEnd: false }),
      /short read|no end/,
    ],
  ] as const) {
    test(`an archive ${what} leaves nothing`, async () => assertRefused(await unpack(make()), reason));
  }
});

function flip(bytes: Buffer): Buffer {
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  return bytes;
}

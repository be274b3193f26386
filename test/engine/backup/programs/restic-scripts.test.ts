import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import {
  inspectRepository,
  listSnapshots,
  removeLock,
  removeSnapshots,
  writeSnapshot,
} from '../../../../src/engine/backup/programs/restic-scripts.ts';
import { resticExit } from '../../../../src/engine/backup/programs/restic-shell.ts';

/*
 * The scripts in a shell of this machine, with a restic that says what each version of the real one was seen to say. The real
 * ones run in the lab.
 */
const summary = '{"message_type":"summary","total_bytes_processed":5,"snapshot_id":"12345678"}';
const lock =
  '{\n  "time": "2026-11-22T03:00:00Z",\n  "exclusive": true,\n  "hostname": "operator",\n  "pid": 7\n}';

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The commands of restic that ran, in their order, without options. */
  readonly calls: readonly string[];
}

suite('the scripts that run restic', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'swarm-utils-restic-'));
    await mkdir(join(folder, 'bin'));
    await mkdir(join(folder, 'backup/data'), { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /**
   * Runs a script.
   * @param restic body of a shell function: $1 is the command, $count how often it ran before
   */
  const run = async (
    script: string,
    values: readonly string[],
    restic: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Said> => {
    const program = `#!/bin/sh
cd '${folder}'
mkdir -p cache && : >cache/open
case $1 in -o) echo "$2" >>options; shift 2 ;; esac
count=$(cat calls 2>/dev/null | grep -c "^$1") || :
echo "$*" >>calls
${restic}
`;
    await writeFile(join(folder, 'bin/restic'), program);
    await chmod(join(folder, 'bin/restic'), 0o755);
    const own = script.replaceAll('/tmp/', `${folder}/`).replaceAll('/backup/', `${folder}/backup/`);
    const env = {
      PATH: `${folder}/bin:${process.env.PATH}`,
      RESTIC_CACHE_DIR: join(folder, 'cache'),
      ...environment,
    };
    const { promise, resolve } = Promise.withResolvers<Omit<Said, 'calls'>>();
    execFile('/bin/sh', ['-euc', own, 'sh', ...values], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
    const said = await promise;
    const calls = await readFile(join(folder, 'calls'), 'utf8').catch(() => '');
    const lines = calls.split('\n').filter(line => line !== '');
    return { ...said, calls: lines.map(line => line.replaceAll(/ --?[a-z].*/g, '')) };
  };
  const backup = ['data', 'node-1', 'shop', '2026-11-22T03-00-00Z'] as const;
  const lines = (text: string) => text.split('\n').filter(line => line !== '');

  test('a snapshot is written, and the repository made where there is none, whatever the version says of that', async () => {
    const none = [
      `echo 'Fatal: unable to open config file: Stat: The specified key does not exist.' >&2; exit 1`,
      `echo 'Fatal: repository does not exist' >&2; exit 10`,
    ];
    for (const says of none) {
      await rm(join(folder, 'calls'), { force: true });
      const restic = `case $1 in backup) [ "$count" != 0 ] || { ${says}; }; echo '${summary}' ;; esac`;
      const { code, stdout, calls } = await run(writeSnapshot, backup, restic);
      assert.deepEqual([code, stdout, calls], [0, `${summary}\n`, ['backup', 'init', 'backup']]);
    }
  });

  test('none is made where the bucket, the keys or the password are wrong, and the cause comes at once', async () => {
    const causes: readonly (readonly [string, number])[] = [
      ['Fatal: unable to open config file: Stat: The specified bucket does not exist.', 1],
      ['Fatal: wrong password or no key found', resticExit.wrongPassword],
    ];
    for (const [words, expected] of causes) {
      await rm(join(folder, 'calls'), { force: true });
      const { code, stderr, calls } = await run(writeSnapshot, backup, `echo '${words}' >&2; exit 1`);
      assert.deepEqual([code, calls], [expected, ['backup']]);
      assert.match(stderr, new RegExp(words));
    }
  });

  test('what is tried again for a quarter of an hour is ended where no try can help', async () => {
    for (const cause of [
      'Stat: The specified bucket does not exist.',
      'Stat: The request signature we calculated does not match the signature you provided.',
      'Stat: The access key ID you provided does not exist in our records.',
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
      'client.PutObject: Access Denied.',
      'write /b/x: no space left on device',
    ]) {
      const restic = `echo 'Stat(<config/>) returned error, retrying after 1.2s: ${cause}' >&2; exec env --default-signal=INT sleep 60`;
      for (const [script, values] of [
        [listSnapshots, []],
        [writeSnapshot, backup],
        [removeSnapshots, ['1'.repeat(64)]],
      ] as const) {
        const { code, stderr } = await run(script, values, restic);
        assert.equal(code, resticExit.hopeless, cause);
        assert.ok(stderr.includes(cause));
      }
    }
  });

  test('what takes too long is told to end, by a signal that lets it take its lock away', async () => {
    const restic = `exec env --default-signal=INT sh -c 'trap "echo unlocked >lock; exit 1" INT; sleep 60 & wait'`;
    const { code } = await run(inspectRepository, ['shop', 'repository'], restic, { LIMIT_SECONDS: '1' });
    assert.equal(code, resticExit.outOfTime);
    assert.equal(await readFile(join(folder, 'lock'), 'utf8'), 'unlocked\n');
  });

  test('the buckets of a server are addressed as it is told', async () => {
    await run(listSnapshots, [], 'echo null', { BUCKET_LOOKUP: 'dns' });
    assert.equal(await readFile(join(folder, 'options'), 'utf8'), 's3.bucket-lookup=dns\n');
  });

  suite('with a repository that is locked', () => {
    const locked = `unlock) ;; list) echo ${'a'.repeat(64)} ;; cat) echo '${lock}' ;;`;

    test('only what is stale is removed, and who holds it is told', async () => {
      for (const says of [
        `echo 'unable to create lock in backend: repository is already locked by PID 7' >&2; exit 1`,
        'exit 11',
      ]) {
        await rm(join(folder, 'calls'), { force: true });
        const { code, stdout, calls } = await run(
          writeSnapshot,
          backup,
          `case $1 in ${locked} *) ${says} ;; esac`,
        );
        assert.equal(code, resticExit.locked);
        assert.deepEqual(calls.slice(0, 5), [
          'backup',
          'unlock',
          'backup',
          'list locks',
          `cat lock ${'a'.repeat(64)}`,
        ]);
        assert.match(stdout, /^lock \{ {2}"time": .*"hostname": "operator", {2}"pid": 7\}\n$/);
        assert.ok(!calls.some(call => call.includes('remove-all')));
      }
    });

    test('it is waited for', async () => {
      const restic = `case $1 in ${locked} backup) [ "$count" -gt 1 ] || exit 11; echo '${summary}' ;; esac`;
      const { code, stdout } = await run(writeSnapshot, backup, restic, { LOCK_SECONDS: '30' });
      assert.deepEqual([code, stdout], [0, `${summary}\n`]);
    });

    test('a lock of a helper that is gone goes in a process whose number is another one', async () => {
      const { code, calls } = await run(removeLock, ['2'], 'exit 0');
      assert.deepEqual([code, calls], [0, ['unlock']]);
    });
  });

  suite('with files that can not be read', () => {
    const missed = (error: string, item: string, during = 'archival') =>
      JSON.stringify({ message_type: 'error', error: 0, during, item }).replace(
        '"error":0',
        `"error":${error}`,
      );
    const restic = (...messages: readonly string[]) => {
      const says = messages.map(message => `echo '${message}' >&2`).join('; ');
      const listed = JSON.stringify([{ id: 'b'.repeat(64), tags: ['incomplete'] }]);
      return `case $1 in backup) echo '${summary}'; ${says}; exit 3 ;; snapshots) echo '${listed}' ;; esac`;
    };

    test('those that went away are told, and the snapshot is good', async () => {
      const gone = [
        missed('{"message":"lstat /backup/data/a: no such file or directory"}', '/backup/data/a'),
        missed('{"Op":"lstat","Path":"/backup/data/b","Err":2}', '/backup/data/b'),
        missed('{}', `${folder}/backup/data/c`),
      ];
      const scan = missed('{"message":"lstat: input/output error"}', '/backup/data/d', 'scan');
      const { code, stdout, calls } = await run(writeSnapshot, backup, restic(...gone, scan));
      assert.equal(code, 0);
      assert.deepEqual(lines(stdout), [...gone.map(message => `vanished ${message}`), summary]);
      assert.deepEqual(calls, ['backup']);
    });

    test('with one that is there the snapshot is marked', async () => {
      await writeFile(join(folder, 'backup/data/there'), '');
      for (const unreadable of [
        missed('{"message":"open /backup/data/a: permission denied"}', '/backup/data/a'),
        missed('{"message":"read no such file or directory: input/output error"}', '/backup/data/a'),
        missed('{"Op":"open","Path":"/backup/data/a","Err":13}', '/backup/data/a'),
        missed('{}', `${folder}/backup/data/there`),
        missed('{}', `${folder}/backup/data/\\u003cx\\u003e`),
      ]) {
        await rm(join(folder, 'calls'), { force: true });
        const { code, stdout, calls } = await run(writeSnapshot, backup, restic(unreadable));
        assert.equal(code, resticExit.incomplete);
        assert.ok(stdout.startsWith('unreadable {'), stdout);
        assert.ok(lines(stdout).includes(`marked ${'b'.repeat(64)}`));
        assert.equal(lines(stdout).at(-1), summary);
        assert.deepEqual(calls, ['backup', 'tag', 'snapshots']);
      }
    });

    test('it is removed where it can not be marked', async () => {
      const one = missed('{"message":"open /backup/data/a: permission denied"}', '/backup/data/a');
      const cannot = `case $1 in tag) exit 1 ;; list) exit 0 ;; esac; ${restic(one)}`;
      const { code, stdout, calls } = await run(writeSnapshot, backup, cannot);
      assert.equal(code, resticExit.incomplete);
      assert.ok(!stdout.includes('marked'));
      assert.deepEqual(calls, ['backup', 'tag', 'forget', 'list snapshots']);
    });
  });

  suite('that check', () => {
    const file = (path: string, size: number) =>
      JSON.stringify({ name: 'x', type: 'file', path, size, struct_type: 'node' });

    test('what was written: its trees, that all they name is there, and a sample', async () => {
      const restic = `case $1 in
        snapshots) echo '[]' ;;
        ls) printf '%s\\n' '${file('/backup/data/a', 3)}' '${file('/backup/data/b', 3)}' ;;
        dump) printf abc ;; esac`;
      const { code, stdout, calls } = await run(inspectRepository, ['shop', 'snapshot', '12345678'], restic);
      assert.deepEqual([code, stdout], [0, '[]\n']);
      assert.deepEqual(calls.slice(0, 3), ['snapshots', 'stats', 'ls']);
      assert.deepEqual(calls.slice(3).sort(), ['dump', 'dump']);
    });

    test('find what can not be read, or is cut', async () => {
      const listed = `ls) echo '${file('/backup/data/a', 3)}' ;;`;
      for (const restic of [
        `case $1 in stats) echo 'blob 1afa not found' >&2; exit 1 ;; esac`,
        `case $1 in ls) exit 1 ;; esac`,
        `case $1 in ${listed} dump) printf ab ;; esac`,
        `case $1 in ${listed} dump) exit 1 ;; esac`,
      ]) {
        const { code } = await run(inspectRepository, ['shop', 'snapshot', '12345678'], restic);
        assert.notEqual(code, 0, restic);
      }
    });

    test('all of the repository, or every byte of it', async () => {
      for (const [depth, options] of [
        ['repository', 'check'],
        ['data', 'check --read-data'],
      ] as const) {
        await rm(join(folder, 'calls'), { force: true });
        assert.equal((await run(inspectRepository, ['shop', depth, '12345678'], 'exit 0')).code, 0);
        assert.equal(lines(await readFile(join(folder, 'calls'), 'utf8')).at(-1), options);
      }
    });
  });

  test('snapshots that are still there after their removal are no success', async () => {
    const id = 'c'.repeat(64);
    const restic = `case $1 in list) echo ${id} ;; esac`;
    const { code, stderr } = await run(removeSnapshots, [id], restic);
    assert.equal(code, resticExit.incomplete);
    assert.match(stderr, /is still there/);
    assert.equal((await run(removeSnapshots, [id], 'exit 0')).code, 0);
  });
});

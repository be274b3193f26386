import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failureWords, tidyingMark } from '../../../src/core/text/failure-words.ts';

const words = (text: string) => failureWords(text.split('\n'));

describe('the words that say why a program failed', () => {
  test('are what stands before the trace of a stack', () => {
    const printed = `Fatal: LoadTree: load <tree/9c77abcd>: invalid data returned
github.com/restic/restic/internal/repository.(*Repository).LoadBlob
	/build/restic/internal/repository/repository.go:250
main.runRestore
	/build/restic/cmd/restic/cmd_restore.go:231
main.main
	/build/restic/cmd/restic/main.go:98
runtime.main
	/usr/lib/go-1.19/src/runtime/proc.go:250
runtime.goexit
	/usr/lib/go-1.19/src/runtime/asm_amd64.s:1594`;
    assert.equal(words(printed), 'Fatal: LoadTree: load <tree/9c77abcd>: invalid data returned');
    const cutOff = printed.split('\n').slice(2);
    assert.equal(failureWords(cutOff), '');
  });

  test('are those of a panic', () => {
    const printed = `panic: runtime error: index out of range [3] with length 2

goroutine 1 [running]:
main.(*command).run(0xc0000b6000, {0x1, 0x2})
	/app/cmd/backup/command.go:88 +0x1d
main.main()
	/app/cmd/backup/main.go:24 +0x25
created by main.start in goroutine 1
	/app/cmd/backup/main.go:30 +0x25`;
    assert.equal(words(printed), 'panic: runtime error: index out of range [3] with length 2');
  });

  test('have the cause that stands on the next line', () => {
    const printed = `2026/11/28 00:24:11 ERROR : Attempt 1/1 failed with 1 errors and: RequestError: send request failed
caused by: Put "http://10.77.1.253:7480/backups/shop": dial tcp 10.77.1.253:7480: connect: connection refused
2026/11/28 00:24:11 Failed to copyto: RequestError: send request failed
caused by: Put "http://10.77.1.253:7480/backups/shop": dial tcp 10.77.1.253:7480: connect: connection refused`;
    assert.match(
      words(printed),
      /^Attempt 1\/1 failed with 1 errors and: RequestError: send request failed, caused by: Put "\S+": dial tcp \S+ connect: connection refused \|/,
    );
    assert.equal(words('caused by: connection refused'), 'caused by: connection refused');
  });

  test('are not what the tidying-up prints', () => {
    const printed = `tar: write error: No space left on device
${tidyingMark}rm: can't remove '/v/.swarm-utils-restore': Directory not empty
[0:00] 100.00%  1 / 1 files deleted
successfully removed locks`;
    assert.equal(words(printed), 'tar: write error: No space left on device');
  });

  test('are what JSON says, and never a piece of it', () => {
    const cases = [
      [
        '{"message_type":"exit_error","code":12,"message":"Fatal: wrong password or no key found"}',
        'Fatal: wrong password or no key found',
      ],
      [
        '{"message_type":"error","error":{"message":"open /backup/data/a: permission denied"},"during":"archival","item":"/backup/data/a"}',
        'open /backup/data/a: permission denied',
      ],
      [
        '{"message_type":"error","error":{},"during":"archival","item":"/backup/data/a"}',
        'error: /backup/data/a could not be read',
      ],
      ['":"a4f6ffe","paths":["/backup/data"],"hostname":"error"', ''],
      ['[{"time":"2026-11-22T03:00:00Z","error":"x', ''],
      ['{"message_type":"summary","message":"failed","snapshot_id":"1"}', ''],
    ] as const;
    for (const [printed, expected] of cases) {
      assert.equal(words(printed), expected);
    }
  });

  test('name each cause once, however often it is tried again', () => {
    const cause = 'Stat: The specified bucket does not exist.';
    const printed = `Stat(<config/>) returned error, retrying after 808.26ms: ${cause}
Stat(<config/>) returned error, retrying after 2.500753057s: ${cause}
signal terminated received, cleaning up
Fatal: unable to open config file: context canceled
Is there a repository at the following location?
s3:http://s3.test:7480/nobucket/p/restic`;
    assert.equal(words(printed), cause);
    assert.equal(
      words('Fatal: unable to open config file: context canceled'),
      'Fatal: unable to open config file: context canceled',
    );
  });

  test('are the first cause and the last ones, where there are many', () => {
    const many = Array.from(
      { length: 500 },
      (_, index) => `ignoring error for /backup/${index}: no such file`,
    );
    assert.equal(
      failureWords([...many, 'Fatal: There were 500 errors']),
      'ignoring error for /backup/0: no such file | ignoring error for /backup/499: no such file | Fatal: There were 500 errors',
    );
  });

  test('have no time, level and function before them', () => {
    const printed = `time=2026-11-22T03:00:00Z level=INFO msg="Created backup."
time=2026-11-22T03:00:01Z level=ERROR msg="Fatal error running command: no such bucket" error="main.(*command).run: error running script: main.runScript.func4: error uploading: Get \\"http://s3.test\\": no such bucket"
2026/11/27 23:00:01 ERROR : shop: error reading source directory: AccessDenied`;
    assert.equal(
      words(printed),
      'error running script: error uploading: Get "http://s3.test": no such bucket | shop: error reading source directory: AccessDenied',
    );
  });

  test('are the last lines of a program that nobody knows', () => {
    assert.equal(words('one\ntwo\nthree\nfour'), 'one | three | four');
    assert.equal(words('/bin/sh: pg_dumpall: not found'), '/bin/sh: pg_dumpall: not found');
    assert.equal(failureWords([]), '');
  });

  test('have a bound, and no character is cut in two', () => {
    const long = failureWords(Array.from({ length: 9 }, (_, index) => `error ${index} ${'🔑'.repeat(2000)}`));
    assert.ok(long.length <= 700 && long.isWellFormed());
  });

  test('are found whatever was printed', () => {
    for (const unit of ['a.', 'a/', '"\\', '{', 'error="', 'x: ', '(']) {
      assert.ok(failureWords([unit.repeat(200_000)]).length <= 700, unit);
    }
  });
});

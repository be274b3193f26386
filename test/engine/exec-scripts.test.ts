import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { endScript, runScript } from '../../src/engine/steps/exec-scripts.ts';

const hasShell = (shell: readonly string[]) =>
  spawnSync(shell[0] ?? '', [...shell.slice(1), '-c', ':']).status === 0;
/** The helper's image has busybox; any POSIX shell will do. */
const shells = [['busybox', 'sh'], ['sh']].filter(hasShell);
const never = 99_999_999_999;

suite('what a text has left running', () => {
  /** Nobody else's processes have it. */
  const name = `TEST_MARK_${randomBytes(6).toString('hex')}`;
  const started: ChildProcess[] = [];

  afterEach(() => {
    for (const { pid } of started.splice(0)) {
      try {
        process.kill(-(pid ?? 0), 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  });

  /**
   * Runs a text in a session of its own, as the Engine does.
   * @param count how many processes it names
   * @returns the ids of its own process and of these
   */
  const begin = async (mark: string, text: string, count = 1): Promise<readonly number[]> => {
    const folder = mkdtempSync(join(tmpdir(), 'exec-'));
    const child = spawn('sh', ['-c', text], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, [name]: mark, PIDS: join(folder, 'pids') },
    });
    started.push(child);
    const read = () =>
      (existsSync(join(folder, 'pids')) ? readFileSync(join(folder, 'pids'), 'utf8') : '')
        .split(/\s+/)
        .slice(0, -1)
        .map(Number);
    let pids = read();
    while (pids.length < count) {
      await sleep(20);
      pids = read();
    }
    rmSync(folder, { recursive: true });
    return [child.pid ?? assert.fail(), ...pids];
  };
  const lives = (pid: number) => {
    try {
      return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return false;
    }
  };
  const end = (shell: readonly string[], run: string) => {
    const [program = '', ...args] = shell;
    const { stdout, stderr, status } = spawnSync(program, [...args, '-euc', endScript, 'sh', name, run], {
      encoding: 'utf8',
    });
    assert.deepEqual([status, stderr], [0, '']);
    return stdout.trim();
  };
  const long = 'sleep 1000 & echo $! >>"$PIDS"; wait';

  for (const shell of shells) {
    const label = shell.join(' ');

    test(`${label}: is ended, with its children and what left its session`, async () => {
      const pids = await begin(
        `run1.${never}`,
        'setsid sleep 1000 & echo $! >>"$PIDS"; ' +
          // As `su - user -c` does it: with another session and an environment of its own.
          `env -i setsid sh -c 'sleep 1000 & echo $$ $! >>"$0"; wait' "$PIDS" & ${long}`,
        4,
      );
      assert.equal(pids.length, 5);
      assert.ok(pids.every(lives));
      assert.equal(end(shell, 'run1'), '0 0');
      assert.deepEqual(pids.filter(lives), []);
    });

    test(`${label}: is let be where it is of another run, or nobody's`, async () => {
      const other = await begin(`run2.${never}`, long);
      const unmarked = await begin('', long);
      const odd = await begin(`run1-and-more.${never}`, long);
      assert.equal(end(shell, 'run1'), '0 0');
      assert.deepEqual(
        [...other, ...unmarked, ...odd].filter(pid => !lives(pid)),
        [],
      );
    });

    test(`${label}: of any run is ended once its time is over, and counted until then`, async () => {
      const over = await begin(`run1.${Math.floor(Date.now() / 1000) - 1}`, long);
      const odd = await begin('run3.x', long);
      const inTime = await begin(`run2.${Math.floor(Date.now() / 1000) + 100}`, long);
      const [left, seconds] = end(shell, '').split(' ').map(Number);
      assert.deepEqual([...over, ...odd].filter(lives), []);
      assert.deepEqual(
        inTime.filter(pid => !lives(pid)),
        [],
      );
      assert.equal(left, inTime.length);
      assert.ok(Number(seconds) > 80 && Number(seconds) <= 100, `${seconds}`);
    });
  }

  test('is killed where it does not end when it is told to', async () => {
    const pids = await begin(
      `run1.${never}`,
      `trap : TERM; while :; do sleep 0.2; done & echo $! >>"$PIDS"; ${long}`,
      2,
    );
    assert.equal(end(['sh'], 'run1'), '0 0');
    assert.deepEqual(pids.filter(lives), []);
  });
});

suite('the run of a text in a container', () => {
  const folder = mkdtempSync(join(tmpdir(), 'exec-run-'));
  after(() => rmSync(folder, { recursive: true }));

  /** @param docker what stands in its place: a shell text that has its arguments */
  const run = (docker: string, user = '') => {
    writeFileSync(join(folder, 'docker'), `#!/bin/sh\n${docker}\n`);
    chmodSync(join(folder, 'docker'), 0o755);
    const ours = ['container', 'run1', '60', user, 'image:1', 'owner/1', 'END', 'secret-word'];
    const words = ['/bin/sh', '-c', 'echo "$1"; $(id)'];
    const { status, stdout, stderr } = spawnSync('sh', ['-euc', runScript, 'sh', ...ours, ...words], {
      encoding: 'utf8',
      env: { PATH: `${folder}:${process.env.PATH}` },
    });
    return { status, stderr, lines: stdout.split('\n') };
  };
  const tell = 'for word in "$@"; do echo "$word"; done';

  test('is what docker exec gets, word for word, with the mark', () => {
    const { status, lines } = run(`case $1 in inspect) echo null ;; *) ${tell} ;; esac`);
    assert.equal(status, 0);
    const mark = /^SWARM_UTILS_EXEC=run1\.(\d+)$/.exec(lines[2] ?? '');
    const seconds = Number(mark?.[1]) - Date.now() / 1000;
    assert.ok(seconds > 50 && seconds < 70, lines.join('\n'));
    assert.deepEqual(
      [...lines.slice(0, 2), ...lines.slice(3, -1)],
      ['exec', '--env', 'container', '/bin/sh', '-c', 'echo "$1"; $(id)'],
    );
  });

  test('is as another user where one is given', () => {
    const { lines } = run(`case $1 in inspect) echo null ;; *) ${tell} ;; esac`, '70:70');
    assert.deepEqual(lines.slice(0, 4), ['exec', '--user', '70:70', '--env']);
  });

  test('fails as docker exec does', () => {
    assert.equal(run('case $1 in inspect) echo null ;; *) exit 126 ;; esac').status, 126);
    const gone = run('echo "Error: No such container: container" >&2; exit 1');
    assert.deepEqual([gone.status, gone.stderr], [1, 'Error: No such container: container\n']);
  });

  test('looks in the container for what runs still, where anything does', () => {
    const { lines } = run(
      `case $1 in inspect) echo '["a"]' ;; run) ${tell} >"$0.run"; echo '0 0' ;; *) echo ran ;; esac`,
    );
    assert.deepEqual(lines, ['ran', '']);
    const asked = readFileSync(join(folder, 'docker.run'), 'utf8').split('\n');
    for (const word of [
      'container:container',
      'none',
      'never',
      'ALL',
      'swarm-utils.helper=owner/1',
      'image:1',
      'END',
    ]) {
      assert.ok(asked.includes(word), word);
    }
    // Of every run.
    assert.deepEqual(asked.slice(-3), ['SWARM_UTILS_EXEC', '', '']);
  });

  test('is not begun while something of ours does', () => {
    const { status, lines, stderr } = run(
      `case $1 in inspect) echo '["a"]' ;; run) echo '2 33' ;; *) echo ran ;; esac`,
    );
    assert.deepEqual([status, lines, stderr], [1, [''], 'secret-word 33\n']);
  });

  test('is begun where nobody can look', () => {
    const { lines } = run(`case $1 in inspect) echo '["a"]' ;; run) exit 125 ;; *) echo ran ;; esac`);
    assert.deepEqual(lines, ['ran', '']);
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import type { VolumePlace } from '../../src/core/backup.ts';
import { finishRestore, finishVolumes } from '../../src/engine/backup/finish-restore.ts';
import { createWorld, type TestWorld } from './world.ts';

/*
 * The helpers' own script runs here, on folders. It is killed at every point: before, in the middle of and after each
 * program that changes anything.
 */

const home = '.swarm-utils-restore';
const nodes = { 'node-1': ['data', 'dump'], 'node-2': ['data'] } as const;
const places: readonly VolumePlace[] = Object.entries(nodes).flatMap(([nodeId, volumes]) =>
  volumes.map(volume => ({ nodeId, nodeName: nodeId, volume })),
);
const oldFiles = ['.hidden', '-rf', 'a b', 'same', 'old only', 'line\nend'];
const newFiles = ['.hidden', '-v', 'c d', 'same', 'new only', 'other\nend'];

/** Counts down; at zero everything ends, before or in the middle of what it is to do. After it is before the next one. */
const wrapper = (program: string) => `#!/bin/sh
for last; do :; done
if [ "$MOMENT" = middle ]; then
  # Those that do several things at once.
  case ${program} in
    mv) [ "$#" -ge 5 ] ;;
    rm) [ -d "$last" ] ;;
    *) false ;;
  esac || exec "$REAL/${program}" "$@"
fi
n=$(($(cat "$COUNTDOWN") - 1))
echo "$n" >"$COUNTDOWN"
[ "$n" = 0 ] || exec "$REAL/${program}" "$@"
if [ "$MOMENT" = middle ]; then
  case ${program} in
    mv) "$REAL/mv" -f -- "$3" "$last" ;;
    rm) for entry in "$last"/*; do "$REAL/rm" -rf "$entry"; break; done ;;
  esac
fi
kill -9 0
`;

let folder: string;
let world: TestWorld;
/** What the helpers run with; no countdown: they are not killed. */
let killing: { countdown: number; moment: 'before' | 'middle' } | undefined;

const volumeFolder = (nodeId: string, index: number) => join(folder, nodeId, `${index}`);
const allVolumes = () => places.map(place => volumeFolder(place.nodeId, indexOf(place)));
const indexOf = ({ nodeId, volume }: VolumePlace) =>
  (nodes[nodeId as keyof typeof nodes] as readonly string[]).indexOf(volume);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swarm-utils-restore-'));
  killing = undefined;
  const programs = join(folder, 'programs');
  mkdirSync(programs);
  for (const program of ['mv', 'rm', 'chown', 'chmod', 'touch']) {
    writeFileSync(join(programs, program), wrapper(program), { mode: 0o755 });
  }
  // It is the machine's own work, and slow.
  writeFileSync(join(programs, 'sync'), '#!/bin/sh\n', { mode: 0o755 });
  world = createWorld();
  world.swarm.addNode({ id: 'node-2' });
  world.swarm.onHelper((service, swarm, helper) => {
    const [shell, option, script, name, , ...actions] = helper.command;
    if (killing !== undefined) {
      writeFileSync(join(folder, 'countdown'), `${killing.countdown}`);
    }
    const real = spawnSync('sh', ['-c', 'dirname "$(command -v mv)"'], { encoding: 'utf8' }).stdout.trim();
    const { status, stdout, stderr } = spawnSync(
      `${shell}`,
      [`${option}`, `${script}`, `${name}`, join(folder, helper.nodeId), ...actions],
      {
        encoding: 'utf8',
        // So that `kill 0` ends the helper, and not the test.
        detached: true,
        env: {
          PATH: `${killing === undefined ? '' : `${programs}:`}${process.env.PATH}`,
          REAL: real,
          COUNTDOWN: join(folder, 'countdown'),
          MOMENT: killing?.moment,
        },
      } as Parameters<typeof spawnSync>[2] & { encoding: 'utf8' },
    );
    if (killing !== undefined) {
      killing.countdown = Number(readFileSync(join(folder, 'countdown'), 'utf8'));
    }
    const exitCode = status ?? 137;
    const state = exitCode === 0 ? 'complete' : 'failed';
    const task = swarm.addTask({ serviceId: service.id, nodeId: helper.nodeId, state, exitCode });
    swarm.setOutput(task.id, { stdout: linesOf(stdout), stderr: linesOf(stderr) });
  });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter(line => line !== '');
}

/** The old content in every volume, and what was unpacked. */
function fill(marks: readonly (string | undefined)[] = places.map(() => 'complete')): void {
  rmSync(join(folder, 'node-1'), { recursive: true, force: true });
  rmSync(join(folder, 'node-2'), { recursive: true, force: true });
  for (const [index, volume] of allVolumes().entries()) {
    mkdirSync(volume, { recursive: true, mode: 0o755 });
    write(volume, oldFiles, 'old');
    const mark = marks[index];
    if (mark !== undefined) {
      const unpacked = join(volume, home, 'new');
      mkdirSync(unpacked, { recursive: true });
      mkdirSync(join(volume, home, 'old'));
      write(unpacked, newFiles, 'new');
      chmodSync(unpacked, 0o2750);
      writeFileSync(join(volume, home, 'stamp'), '');
      writeFileSync(join(volume, home, mark), '');
    }
  }
}

function write(at: string, names: readonly string[], text: string): void {
  for (const name of names) {
    writeFileSync(join(at, name), text);
  }
  mkdirSync(join(at, `folder of ${text}`, 'in it'), { recursive: true });
  symlinkSync('/nowhere', join(at, 'link'));
}

/** Whether a volume holds all of the one or of the other, and nothing else. */
function contentOf(volume: string): string {
  const names = readdirSync(volume).sort().join('\0');
  for (const [kind, files] of [
    ['old', oldFiles],
    ['new', newFiles],
  ] as const) {
    const isWhole = names === [...files, `folder of ${kind}`, 'link'].sort().join('\0');
    if (isWhole && files.every(file => readFileSync(join(volume, file), 'utf8') === kind)) {
      return kind;
    }
  }
  return `mixed: ${readdirSync(volume)}`;
}

const contents = () => allVolumes().map(contentOf);

suite('a restore that is brought to its end', () => {
  test('puts the new content in the place of the old, with the mode of its root', async () => {
    fill();
    const { isForward, reports } = await finishVolumes(world, places, { timeoutMs: 1000, isComplete: true });
    assert.deepEqual([isForward, contents()], [true, ['new', 'new', 'new']]);
    for (const volume of allVolumes()) {
      assert.equal(statSync(volume).mode & 0o7777, 0o2750);
    }
    // Decided on both nodes before it is begun on either.
    assert.equal(reports.length, 4);
    await finishRestore(world, places);
    assert.deepEqual(contents(), ['new', 'new', 'new']);
  });

  test('is one helper where all volumes are on one node', async () => {
    fill();
    const { reports } = await finishVolumes(world, places.slice(0, 2), { timeoutMs: 1000, isComplete: true });
    assert.equal(reports.length, 1);
    assert.deepEqual(contents().slice(0, 2), ['new', 'new']);
  });

  for (const [what, marks] of [
    ['not all were unpacked', ['complete', 'complete', 'partial']],
    ['one was not begun', ['complete', undefined, 'complete']],
    ['none was unpacked', ['partial', 'partial', 'partial']],
    ['there is nothing', [undefined, undefined, undefined]],
  ] as const) {
    test(`changes nothing where ${what}`, async () => {
      fill(marks);
      await finishRestore(world, places);
      assert.deepEqual(contents(), ['old', 'old', 'old']);
    });
  }

  test('removes what was unpacked where it is told that not all was', async () => {
    fill();
    const { isForward } = await finishVolumes(world, places, { timeoutMs: 1000, isComplete: false });
    assert.deepEqual([isForward, contents()], [false, ['old', 'old', 'old']]);
  });

  test('takes back what was only unpacked where the service runs on the old content', async () => {
    fill();
    await finishRestore(world, places, { isInUse: true });
    assert.deepEqual(contents(), ['old', 'old', 'old']);
    await finishRestore(world, places);
    assert.deepEqual(contents(), ['old', 'old', 'old']);
  });

  test('changes nothing under a service that runs on content of which some was put in place', async () => {
    fill(['complete', 'committed', 'complete']);
    await assert.rejects(finishRestore(world, places, { isInUse: true }), {
      code: 'restore_failed',
      message: /Scale it to 0, and swarm-utils finishes the restore/,
    });
    await finishRestore(world, places);
    assert.deepEqual(contents(), ['new', 'new', 'new']);
  });

  test('goes forward where one volume says that it was decided', async () => {
    fill(['complete', 'committed', 'complete']);
    await finishRestore(world, places);
    assert.deepEqual(contents(), ['new', 'new', 'new']);
  });

  test('passes over a node that has left the swarm', async () => {
    fill(['complete', 'complete', 'partial']);
    await finishRestore(world, [...places.slice(0, 2), { nodeId: 'gone', nodeName: 'gone', volume: 'data' }]);
    assert.deepEqual(contents().slice(0, 2), ['new', 'new']);
  });

  test('follows no link that a service has laid in its volume', async () => {
    fill([undefined, undefined, undefined]);
    const outside = join(folder, 'outside');
    mkdirSync(join(outside, 'new'), { recursive: true });
    writeFileSync(join(outside, 'committed'), '');
    for (const volume of allVolumes()) {
      symlinkSync(outside, join(volume, home));
    }
    await finishRestore(world, places);
    assert.deepEqual(contents(), ['old', 'old', 'old']);
    assert.ok(existsSync(join(outside, 'committed')));
  });

  test('says so where it can not be done, and is done later', async () => {
    fill();
    killing = { countdown: 1, moment: 'before' };
    await assert.rejects(finishRestore(world, places), { code: 'restore_failed' });
    killing = undefined;
    await finishRestore(world, places);
    assert.deepEqual(contents(), ['new', 'new', 'new']);
  });
});

for (const [moment, atLeast] of [
  ['before', 15],
  ['middle', 6],
] as const) {
  test(`killed ${moment === 'before' ? 'before' : 'in the middle of'} any change, it leaves all volumes wholly old or wholly new`, async () => {
    const two = places.filter(({ volume }) => volume === 'data');
    for (let countdown = 1; ; countdown += 1) {
      fill();
      rmSync(volumeFolder('node-1', 1), { recursive: true });
      killing = { countdown, moment };
      const isKilled = await finishVolumes(world, two, { timeoutMs: 1000, isComplete: true }).then(
        () => false,
        () => true,
      );
      killing = undefined;
      await finishRestore(world, two);
      const found = two.map(({ nodeId }) => contentOf(volumeFolder(nodeId, 0)));
      assert.deepEqual(found, ['new', 'new'], `at ${countdown}`);
      if (!isKilled) {
        assert.ok(countdown > atLeast, `${countdown - 1} changes`);
        break;
      }
    }
  });
}

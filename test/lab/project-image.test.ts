import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Lab, startLab, stopLab } from './lab.ts';
import { tracesOf } from './traces.ts';

const instance = 7;
// What the project's own Dockerfile starts from, so that it is made once.
const base = `node:${process.versions.node}-bookworm-slim`;

describe('an image built from a Dockerfile', { timeout: 300_000 }, () => {
  let lab: Lab;
  let folder: string;
  before(async () => {
    await stopLab(instance);
    lab = await startLab({ instance, nodes: 1, managers: 1 });
    folder = await mkdtemp(join(tmpdir(), 'swarm-utils-lab-test-'));
    const dockerfile = `
      ARG BASE=${base}
      FROM \${BASE} AS build
      WORKDIR /build
      COPY text.txt ./
      # From within a build the package registry is reached as from the machine.
      RUN cp text.txt built.txt && npm view npm name >> built.txt
      FROM ${base}
      COPY --from=build /build/built.txt /built.txt
      USER node
      CMD ["node", "-p", "process.getuid() + require('fs').readFileSync('/built.txt', 'utf8')"]`;
    await writeFile(join(folder, 'Dockerfile'), dockerfile);
    await writeFile(join(folder, '.dockerignore'), '*\n!text.txt\n');
    await writeFile(join(folder, 'text.txt'), `${randomUUID()}\n`);
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    await stopLab(instance);
  });

  test('runs on the nodes, and is not built again until a source changes', async () => {
    let steps: string[] = [];
    const build = () => {
      steps = [];
      return lab.buildProjectImage({ folder, repository: 'built', onProgress: step => steps.push(step) });
    };
    const reference = await build();
    const { stdout, stderr } = await lab.manager.docker(['run', '--rm', reference]);
    assert.match(stdout, /^1000[0-9a-f-]{36}\nnpm\n/, stderr);

    await writeFile(join(folder, 'ignored.txt'), 'of no matter');
    assert.equal(await build(), reference);
    assert.deepEqual(steps.filter(isBuilding), []);

    await writeFile(join(folder, 'text.txt'), `${randomUUID()}\n`);
    assert.notEqual(await build(), reference);
    assert.equal(steps.filter(isBuilding).length, 1);
  });

  test('that cannot be built says why', async () => {
    await writeFile(join(folder, 'Dockerfile'), `FROM ${base}\nRUN echo the reason; exit 3\n`);
    await assert.rejects(lab.buildProjectImage({ folder, repository: 'built' }), (error: Error) => {
      assert.match(error.message, /the reason/);
      return true;
    });
  });

  test('leaves no build daemon behind', () => {
    assert.deepEqual(
      tracesOf(instance).filter(trace => trace.includes('build')),
      [],
    );
  });
});

function isBuilding(step: string): boolean {
  return step.startsWith('building');
}

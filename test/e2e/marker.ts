import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Lab } from '../lab/lab.ts';

/** A file that an attack would make, wherever its text were run. */
export interface Marker {
  readonly path: string;
  /** A command that makes it. */
  readonly command: string;
  /** Fails where the file is on this machine, which holds the disks of all nodes, or in any container of any node. */
  assertAbsent(): Promise<void>;
}

export function createMarker(lab: Lab): Marker {
  const path = `/tmp/swarm-utils-marker-${randomUUID()}`;
  return {
    path,
    command: `touch ${path}`,
    async assertAbsent() {
      assert.ok(!existsSync(path), 'something was run on the host');
      const looks = lab.nodes.flatMap(async node => {
        const containers = await node.engine().listContainers();
        return Promise.all(
          containers.map(async ({ Id, Image }) => {
            const { exitCode, stderr } = await node.docker(['exec', Id, 'test', '-e', path]);
            // 1: not there. Whatever else ends it, such as a container that has just gone, is looked at by its name.
            const isGone = /No such container|is not running/.test(stderr);
            assert.ok(exitCode === 1 || isGone, `${exitCode} in ${Image} on ${node.name}: ${stderr}`);
          }),
        );
      });
      await Promise.all(looks);
    },
  };
}

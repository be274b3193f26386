import { existsSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = '/sys/fs/cgroup';

/** Removes a cgroup and those within it from every hierarchy (v1 and v2). Its processes must have ended. */
export async function removeCgroup(cgroup: string): Promise<void> {
  const hierarchies = await readdir(root, { withFileTypes: true }).catch(() => []);
  const parents = [
    root,
    ...hierarchies.filter(entry => entry.isDirectory()).map(entry => join(root, entry.name)),
  ];
  const folders = parents.map(parent => join(parent, cgroup)).filter(folder => existsSync(folder));
  await Promise.all(folders.map(folder => removeTree(folder)));
}

async function removeTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries.filter(candidate => candidate.isDirectory())) {
    await removeTree(join(folder, entry.name));
  }
  // The kernel lets go of a cgroup some milliseconds after its last process.
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      await rmdir(folder);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') {
        return;
      }
      await sleep(20);
    }
  }
}

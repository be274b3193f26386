import { globSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createImage, type Image } from './image.ts';
import { cachedLayer, type ImageLayer } from './image-layer.ts';
import { copy, libraries, script } from './image-tree.ts';
import { LabError } from './lab-error.ts';
import { downloadPackages } from './packages.ts';
import { runChecked } from './run-command.ts';

type OnProgress = (message: string) => void;

const startScript = join(import.meta.dirname, 'postgres-start.sh');
const programs = ['postgres', 'initdb', 'psql', 'pg_dump', 'pg_dumpall', 'pg_restore', 'pg_isready'];
/** The user and group ids of the published image. */
const users = 'root:x:0:0:root:/root:/bin/sh\npostgres:x:999:999:postgres:/var/lib/postgresql:/bin/sh\n';

/**
 * Debian's PostgreSQL. Data in /var/lib/postgresql/data, /dump for what is dumped; both are meant for volumes. `psql` and
 * `pg_dump` in its container need no arguments. The packages are unpacked, not installed: that would make this machine
 * a database server. The caller holds the lock of the layers.
 */
export async function postgresImage(base: ImageLayer, onProgress: OnProgress): Promise<Image> {
  const text = await readFile(startScript, 'utf8');
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const server = await cachedLayer('postgres', [process.arch, release, ...programs], folder =>
    unpackServer(folder, onProgress),
  );
  const start = await cachedLayer('postgres-start', [text, users], async folder => {
    await script(folder, 'usr/bin/postgres-start', text);
    await mkdir(join(folder, 'dump'));
    // Empty: it knows UTC by itself, and complains of a missing folder.
    await mkdir(join(folder, 'usr/share/zoneinfo'), { recursive: true });
    await mkdir(join(folder, 'etc'));
    await writeFile(join(folder, 'etc/passwd'), users);
    await writeFile(join(folder, 'etc/group'), 'root:x:0:\npostgres:x:999:\n');
  });
  const second = 1_000_000_000;
  return createImage([base, server, start], {
    Cmd: ['postgres-start'],
    Env: ['PGDATA=/var/lib/postgresql/data', 'PGHOST=/run/postgresql', 'PGUSER=postgres'],
    ExposedPorts: { '5432/tcp': {} },
    // The swarm calls it running once it takes connections.
    Healthcheck: {
      Test: ['CMD', 'pg_isready', '--quiet'],
      Interval: second / 2,
      Timeout: 5 * second,
      StartPeriod: 60 * second,
      Retries: 10,
    },
  });
}

async function unpackServer(folder: string, onProgress: OnProgress): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'swarm-utils-lab-postgres-'));
  try {
    const name = await serverPackage(onProgress);
    const [archives, tree] = [join(work, 'archives'), join(work, 'tree')];
    await downloadPackages([name, name.replace('-', '-client-'), 'libpq5'], archives, onProgress);
    onProgress('making the postgres image');
    for (const file of (await readdir(archives)).filter(entry => entry.endsWith('.deb'))) {
      await runChecked('dpkg-deb', ['--extract', join(archives, file), tree]);
    }
    await copyServer(tree, name.replace('postgresql-', ''), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** `postgresql-15`: what this release of Debian calls its PostgreSQL. */
async function serverPackage(onProgress: OnProgress): Promise<string> {
  const name = async () =>
    /Depends: (postgresql-\d+)$/m.exec(await runChecked('apt-cache', ['depends', 'postgresql']))?.[1];
  const known = await name().catch(() => undefined);
  if (known !== undefined) {
    return known;
  }
  onProgress('apt-get update, for the package lists are missing');
  await runChecked('apt-get', ['update', '-q'], { timeoutMs: 300_000 });
  const found = await name();
  if (found === undefined) {
    throw new LabError('package-missing', 'apt-cache knows no package for PostgreSQL.');
  }
  return found;
}

async function copyServer(tree: string, version: string, folder: string): Promise<void> {
  const home = `usr/lib/postgresql/${version}`;
  const linked = globSync(join(tree, '{usr/,}lib/*-linux-gnu*/'));
  await mkdir(join(folder, 'usr/bin'), { recursive: true });
  for (const program of programs) {
    const source = join(tree, home, 'bin', program);
    await copy(folder, source, join(home, 'bin', program));
    await symlink(`/${home}/bin/${program}`, join(folder, 'usr/bin', program));
    for (const path of await libraries(source, linked)) {
      const target = path.startsWith(tree) ? path.slice(tree.length) : path;
      await copy(folder, path, target);
    }
  }
  const parts = [`${home}/lib`, `usr/share/postgresql/${version}`];
  for (const part of parts) {
    await mkdir(dirname(join(folder, part)), { recursive: true });
    await cp(join(tree, part), join(folder, part), {
      recursive: true,
      // The just-in-time compiler is larger than all the rest.
      filter: source => !/llvmjit|bitcode|\/man$/.test(source),
    });
  }
}

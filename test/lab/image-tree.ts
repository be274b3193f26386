import { chmod, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cachedLayer, fileInput, type ImageLayer } from './image-layer.ts';
import { LabError } from './lab-error.ts';
import { findProgram, runChecked } from './run-command.ts';

/** The certificates of authorities that this machine trusts, where programs look for them. */
export const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** The first layer of the lab's images: a shell, its tools, and two users. */
export async function busyboxLayer(): Promise<ImageLayer> {
  const busybox = requiredProgram('busybox');
  return cachedLayer('busybox', [await fileInput(busybox)], async folder => {
    await copy(folder, busybox, '/bin/busybox');
    const applets = (await runChecked(busybox, ['--list'])).trim().split('\n');
    await Promise.all(
      applets
        .filter(applet => applet !== 'busybox')
        .map(applet => symlink('busybox', join(folder, 'bin', applet))),
    );
    for (const name of ['etc', 'root', 'tmp', 'usr/bin', 'var']) {
      await mkdir(join(folder, name), { recursive: true });
    }
    await chmod(join(folder, 'tmp'), 0o1777);
    const users = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n';
    await writeFile(join(folder, 'etc/passwd'), users);
    await writeFile(join(folder, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  });
}

/** A program with the libraries it is linked with, each where it is on this machine. */
export async function program(folder: string, source: string, target: string): Promise<void> {
  await copy(folder, source, target);
  for (const path of await libraries(source)) {
    await copy(folder, path, path);
  }
}

/** The libraries a program is linked with. `folders` are looked through before the machine's own. */
export async function libraries(source: string, folders: readonly string[] = []): Promise<string[]> {
  // A static program has none, and ldd says so with an error.
  const env = { LD_LIBRARY_PATH: folders.join(':') };
  const listed = await runChecked('ldd', [source], { env }).catch(() => '');
  const [missing] = /\S+ => not found/.exec(listed) ?? [];
  if (missing !== undefined) {
    throw new LabError('image-failed', `${source} cannot be put into an image: ${missing}.`);
  }
  return [...listed.matchAll(/\/\S+(?= \(0x)/g)].map(([path]) => path);
}

/** An executable text. */
export async function script(folder: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text, { mode: 0o755 });
}

/** A file or folder of this machine, with what links point to in their place. */
export async function copy(folder: string, source: string, target: string): Promise<void> {
  await cp(source, join(folder, target), { dereference: true, recursive: true });
}

/** The path of a program that the lab has installed. Throws `package-missing`. */
export function requiredProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) {
    throw new LabError('package-missing', `${name} is needed for the lab's images and is not installed.`);
  }
  return path;
}

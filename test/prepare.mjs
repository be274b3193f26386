// Runs a TypeScript file on the pinned Node, after installing the npm packages it needs.
// Plain JavaScript for any Node from 18 on: on a fresh clone nothing else is there yet.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [script, ...args] = process.argv.slice(2);
if (!script) {
  console.error('usage: node test/prepare.mjs SCRIPT [ARGUMENT …]');
  process.exit(2);
}

const lockfile = join(root, 'package-lock.json');
const installed = join(root, 'node_modules', '.package-lock.json');
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lockfile).mtimeMs) {
  console.log('Installing the npm packages of package-lock.json …');
  await run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error']);
}

// The pinned runtime is a binary package for Linux; elsewhere a Node ≥ 24 of one's own must do.
const pinned = join(root, 'node_modules', '.bin', 'node');
const node = existsSync(pinned) ? pinned : process.execPath;
if (node === process.execPath && Number(process.versions.node.split('.')[0]) < 24) {
  console.error(
    `Node ${process.versions.node} is too old and none is packaged for this platform: install Node 24.`,
  );
  process.exit(1);
}
await run(node, [script, ...args]);

/** Resolves when it ended well; else ends this process as it ended. */
function run(command, argv) {
  return new Promise(resolve => {
    const child = spawn(command, argv, { cwd: root, stdio: 'inherit' });
    // A terminal sends its signals to both; whoever sends one to this process means that one.
    const forward = signal => child.kill(signal);
    const stay = () => undefined;
    process.on('SIGTERM', forward).on('SIGINT', stay);
    child.on('error', error => {
      console.error(`${command} could not be started: ${error.message}`);
      process.exit(1);
    });
    child.on('exit', (status, signal) => {
      process.off('SIGTERM', forward).off('SIGINT', stay);
      if (status !== 0) {
        process.exit(status ?? 128 + (constants.signals[signal] ?? 0));
      }
      resolve();
    });
  });
}

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Linter and formatter, types, dead code: all of them, also when one has found something. */
const checks = [
  { name: 'biome', command: ['biome', 'check', '--error-on-warnings'] },
  { name: 'tsc', command: ['tsc', '--noEmit'] },
  { name: 'knip', command: ['knip'] },
] as const;

const root = join(import.meta.dirname, '..');
const failed = checks.filter(({ name, command: [program, ...args] }) => {
  const start = performance.now();
  const { status } = spawnSync(join(root, 'node_modules', '.bin', program), args, {
    cwd: root,
    stdio: 'inherit',
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${status === 0 ? '✔' : '✖'} ${name} (${seconds} s)`);
  return status !== 0;
});
process.exitCode = failed.length === 0 ? 0 : 1;

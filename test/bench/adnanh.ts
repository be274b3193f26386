import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installPackages } from '../lab/packages.ts';
import { findProgram, runChecked } from '../lab/run-command.ts';
import type { Bench } from './bench.ts';
import { freePort, type ServerProcess, startServer } from './server-process.ts';

/** Where it receives webhooks. */
export const adnanhPath = '/hooks/deploy';

/**
 * Starts adnanh's `webhook` with one hook: the HMAC-SHA256 of GitHub must be right, then it runs /bin/true. Says
 * nothing. A wrong signature is an error of the rule to it, answered 500.
 * https://github.com/adnanh/webhook/blob/master/docs/Hook-Rules.md
 */
export async function startAdnanh(bench: Bench, secret: string): Promise<ServerProcess> {
  await installPackages([{ program: 'webhook', packages: ['webhook'] }], bench.tell);
  const hooks = [
    {
      id: 'deploy',
      'execute-command': '/bin/true',
      'http-methods': ['POST'],
      'trigger-rule': {
        match: {
          type: 'payload-hmac-sha256',
          secret,
          parameter: { source: 'header', name: 'X-Hub-Signature-256' },
        },
      },
    },
  ];
  const file = join(bench.folder, 'hooks.json');
  await writeFile(file, JSON.stringify(hooks), { mode: 0o600 });
  const port = await freePort();
  return startServer(bench, {
    name: 'adnanh webhook',
    port,
    command: findProgram('webhook') ?? 'webhook',
    args: ['-hooks', file, '-ip', '127.0.0.1', '-port', String(port)],
  });
}

/** `2.8.0` */
export async function adnanhVersion(): Promise<string> {
  return (await runChecked('webhook', ['-version'])).trim().replace(/^webhook version /, '');
}

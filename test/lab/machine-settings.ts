import { createHash } from 'node:crypto';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cachedLayer, fileInput, type ImageLayer } from './image-layer.ts';
import { runCommand } from './run-command.ts';

const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** What of this machine an image must know to reach the package registry. */
interface MachineSettings {
  /** Changes with the settings. */
  readonly key: string;
  readonly layer: ImageLayer;
  /** `NAME=value` each. */
  readonly environment: readonly string[];
}

/**
 * Reads npm's registry and certificates as this machine has them. Passwords and tokens are left out: the image may
 * go further than the machine.
 */
export async function machineSettings(): Promise<MachineSettings> {
  const npmConfig = async (key: string) => {
    const { stdout, exitCode } = await runCommand('npm', ['config', 'get', key], { cwd: tmpdir() });
    const value = stdout.trim();
    return exitCode === 0 && value !== 'null' && value !== 'undefined' ? value : undefined;
  };
  const registry = await npmConfig('registry');
  const bundle = (await npmConfig('cafile')) ?? process.env.NODE_EXTRA_CA_CERTS ?? process.env.SSL_CERT_FILE;
  const npmrc = [
    ...(registry === undefined ? [] : [`registry=${withoutCredentials(registry)}`]),
    ...(bundle === undefined ? [] : [`cafile=${certificates}`]),
  ].join('\n');
  const inputs = [npmrc, bundle === undefined ? '' : await fileInput(bundle)];
  const layer = await cachedLayer('machine', inputs, async folder => {
    await mkdir(join(folder, 'usr/local/etc'), { recursive: true });
    await writeFile(join(folder, 'usr/local/etc/npmrc'), `${npmrc}\n`);
    if (bundle !== undefined) {
      await mkdir(dirname(join(folder, certificates)), { recursive: true });
      await cp(bundle, join(folder, certificates), { dereference: true });
    }
  });
  const environment = bundle === undefined ? [] : [`NODE_EXTRA_CA_CERTS=${certificates}`];
  const key = createHash('sha256')
    .update(JSON.stringify([layer.digest, environment]))
    .digest('hex')
    .slice(0, 16);
  return { key, layer, environment };
}

function withoutCredentials(address: string): string {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  return url.href;
}

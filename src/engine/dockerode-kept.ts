import type Docker from 'dockerode';
import { helperLabel } from '../core/label-reader.ts';
import { call, unlessGone } from './engine-call.ts';
import { type ConfigJson, readConfig, type SecretJson } from './engine-json.ts';
import type { Swarm } from './swarm.ts';

type KeptThings = Pick<
  Swarm,
  'createSecret' | 'listHelperSecrets' | 'removeSecret' | 'createConfig' | 'listConfigs' | 'removeConfig'
>;

/** What the swarm keeps in its Raft store for us: Docker secrets and configs. */
export function createKeptThings(docker: Docker, abortSignal: () => AbortSignal): KeptThings {
  return {
    async createSecret({ name, value, owner }) {
      const spec = { Name: name, Labels: { [helperLabel]: owner }, Data: toBase64(value) };
      const created = await call(() => docker.createSecret(inBody(spec, abortSignal())));
      return created.id;
    },

    async listHelperSecrets() {
      const filters = JSON.stringify({ label: [helperLabel] });
      const found = await call(() => docker.listSecrets({ filters, abortSignal: abortSignal() } as object));
      return (found as unknown as SecretJson[]).map(({ ID, Spec }) => ({
        id: ID,
        name: Spec.Name,
        owner: Spec.Labels?.[helperLabel] ?? '',
      }));
    },

    async removeSecret(id) {
      await unlessGone(() => call(() => docker.getSecret(id).remove({ abortSignal: abortSignal() })));
    },

    async createConfig({ name, labels, data }) {
      const spec = { Name: name, Labels: labels, Data: toBase64(data) };
      const created = await call(() => docker.createConfig(inBody(spec, abortSignal())));
      return created.id;
    },

    async listConfigs(label) {
      const filters = JSON.stringify({ label: [label] });
      const found = await call(() => docker.listConfigs({ filters, abortSignal: abortSignal() } as object));
      return (found as unknown as ConfigJson[]).map(readConfig);
    },

    async removeConfig(id) {
      await unlessGone(() => call(() => docker.getConfig(id).remove({ abortSignal: abortSignal() })));
    },
  };
}

/** Otherwise docker-modem would write it into the URL as well, where logs show it. */
function inBody(spec: object, abortSignal: AbortSignal): object {
  return { _query: {}, _body: spec, abortSignal };
}

function toBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

import { helperLabel } from '../core/label-reader.ts';
import * as shapes from './docker/answer-shapes.ts';
import type { Engine } from './docker/engine.ts';
import { settleRemoval, settleWrite } from './docker/settle-write.ts';
import { readConfig } from './engine-json.ts';
import type { Swarm } from './swarm.ts';

type KeptThings = Pick<
  Swarm,
  'createSecret' | 'listHelperSecrets' | 'removeSecret' | 'createConfig' | 'listConfigs' | 'removeConfig'
>;

/**
 * What the swarm keeps in its Raft store for us: Docker secrets and configs.
 * @param patienceMs how long a swarm that went away in the middle of a write is waited for, to see what became of it
 */
export function createKeptThings(engine: Engine, patienceMs: number): KeptThings {
  const labelled = (label: string) => ({ filters: JSON.stringify({ label: [label] }) });

  const listHelperSecrets: Swarm['listHelperSecrets'] = async () => {
    const query = labelled(helperLabel);
    return (await engine.read({ path: '/secrets', query }, shapes.secrets)).map(({ ID, Spec }) => ({
      id: ID,
      name: Spec.Name,
      owner: Spec.Labels?.[helperLabel] ?? '',
    }));
  };

  const listConfigs: Swarm['listConfigs'] = async label =>
    (await engine.read({ path: '/configs', query: labelled(label) }, shapes.configs)).map(readConfig);

  const create = async (path: string, body: object) =>
    (await engine.write({ path, body }, shapes.created)).ID;

  return {
    listHelperSecrets,
    listConfigs,

    createSecret({ name, value, owner }) {
      const spec = { Name: name, Labels: { [helperLabel]: owner }, Data: toBase64(value) };
      // The name of each is new, so one that has it is this one.
      const find = async () =>
        (await listHelperSecrets()).find(each => each.name === name && each.owner === owner)?.id;
      return settleWrite(() => create('/secrets/create', spec), find, patienceMs);
    },

    async removeSecret(id) {
      await settleRemoval(() => engine.remove({ path: `/secrets/${encodeURIComponent(id)}` }));
    },

    createConfig({ name, labels, data }) {
      const spec = { Name: name, Labels: labels, Data: toBase64(data) };
      const [label = ''] = Object.keys(labels);
      const find = async () =>
        (await listConfigs(label)).find(
          each => each.name === name && each.data === data && each.labels[label] === labels[label],
        )?.id;
      return settleWrite(() => create('/configs/create', spec), find, patienceMs);
    },

    async removeConfig(id) {
      await settleRemoval(() => engine.remove({ path: `/configs/${encodeURIComponent(id)}` }));
    },
  };
}

function toBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

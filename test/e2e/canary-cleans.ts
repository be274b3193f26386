import assert from 'node:assert/strict';
import type { Answer } from './api-client.ts';
import { labelSecrets } from './canary-services.ts';
import { canarySecrets } from './deployment.ts';
import { type HelperSightings, watchHelpers } from './helper-watch.ts';
import type { Stage } from './stage.ts';

/** What the admin writes into the labels of a node. */
export const nodeSecrets = { 'swarm-utils.clean.token': 'canary-node-clean-token-c8' };
/** Secrets in labels of a node that are no place for them. */
export const misspeltOnNode = {
  'swarm-utils.clean.tokne': 'canary-misspelt-node-token-d9',
  'swarm-utils.clean.exce': 'login --password canary-node-command-e9',
};

/**
 * Everything that can become of a clean, of the services of `createCanaryServices` and of nodes.
 * @param keep is given every answer
 * @returns what there was to see of the helpers
 */
export async function runCanaryCleans(
  { lab, deployment }: Stage,
  keep: (answer: Promise<Answer>) => Promise<Answer>,
): Promise<HelperSightings> {
  const { api } = deployment;
  const { adminToken } = canarySecrets;
  const serviceToken = labelSecrets['swarm-utils.clean.token'];
  const nodeToken = nodeSecrets['swarm-utils.clean.token'];
  const label = async (node: string, labels: Readonly<Record<string, string>>) => {
    const changes = Object.entries(labels).flatMap(([key, value]) => ['--label-add', `${key}=${value}`]);
    assert.equal((await lab.manager.docker(['node', 'update', ...changes, node])).exitCode, 0);
  };
  const clean = async (kind: string, body: object, token: string, status: number, code?: string) => {
    const answer = await keep(api.post(`/api/clean/${kind}`, body, token));
    assert.deepEqual([answer.status, answer.body.error?.code], [status, code], answer.text);
  };

  await label('worker-1', { ...nodeSecrets, 'swarm-utils.clean.image.keep': 'kept/*' });
  await label('worker-2', misspeltOnNode);
  const worker = lab.nodes.find(({ name }) => name === 'worker-1') ?? assert.fail();
  assert.equal((await worker.docker(['run', '--name', 'ended', lab.images.runner, 'true'])).exitCode, 0);
  const sightings = await watchHelpers(lab, () =>
    Promise.all([
      clean('service', { serviceName: 'hooks' }, serviceToken, 200),
      clean('service', { serviceName: 'hook-fails' }, serviceToken, 424, 'exec_failed'),
      clean('service', { serviceName: 'strict' }, serviceToken, 404, 'not_found'),
      clean('node', { nodeName: 'worker-1' }, nodeToken, 200),
      clean('node', { nodeName: 'worker-2' }, adminToken, 422, 'label_fault'),
      clean('node', { nodeName: nodeToken }, adminToken, 404, 'not_found'),
      clean('node', { nodeName: 'manager-1', dryRun: true }, adminToken, 200),
    ]),
  );
  await keep(api.get('/api/nodes', adminToken));
  await keep(api.get(`/api/nodes?label=swarm-utils.clean.token=${nodeToken}`, adminToken));
  await keep(api.post('/api/explain', { action: 'clean', nodeName: 'worker-2' }, adminToken));
  return sightings;
}

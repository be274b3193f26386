import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { authorize, redeemLabelToken } from '../../src/core/authorize.ts';
import type { ServiceRequest } from '../../src/core/operation.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { decideAgain } from '../../src/engine/decide-again.ts';
import { addShop, createWorld, ownServiceId } from './world.ts';

const labels = {
  'swarm-utils.backup.enable': 'true',
  'swarm-utils.backup.volume-list-upload': 'data',
  'swarm-utils.restore.enable': 'true',
};
const backup: ServiceRequest = { action: 'backup' };

function decideOnItself(request: ServiceRequest, more: Readonly<Record<string, string>> = {}) {
  const world = createWorld();
  const service = addShop(world, { id: ownServiceId, name: 'swarm-utils', labels: { ...labels, ...more } });
  const decision = authorize({ kind: 'admin' }, request, serviceTarget(service));
  assert.ok(decision.allowed);
  return decideAgain(world, redeemLabelToken(decision.labelToken));
}

suite('what swarm-utils does to its own service', () => {
  test('is never what would end it: nobody would start it again', async () => {
    for (const [request, more] of [
      [{ action: 'update', isForce: true }, {}],
      [backup, { 'swarm-utils.backup.stop': 'true' }],
      [{ action: 'restore', isDrill: false }, {}],
    ] as const) {
      await assert.rejects(decideOnItself(request, more), { code: 'own_service' }, request.action);
    }
  });

  test('may be a backup without a stop, and a drill', async () => {
    for (const request of [backup, { action: 'restore', isDrill: true }] as const) {
      assert.equal((await decideOnItself(request)).targetKind, 'service', request.action);
    }
  });
});

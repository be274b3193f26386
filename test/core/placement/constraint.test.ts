import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { allowsNode, type ConstrainedNode } from '../../../src/core/placement/constraint.ts';

const node: ConstrainedNode = {
  id: 'abc123',
  hostname: 'Worker-1',
  role: 'worker',
  address: '10.77.0.2',
  platform: { os: 'linux', architecture: 'x86_64' },
  labels: { zone: 'a', 'disk.kind': 'SSD' },
  engineLabels: { storage: 'fast' },
};

function allows(...constraints: string[]): boolean {
  return allowsNode(constraints, node);
}

suite('a placement constraint', () => {
  test('is met by what it names, in lower case or upper, with blanks or without', () => {
    for (const constraint of [
      'node.id==abc123',
      'node.hostname == worker-1',
      'NODE.ROLE==Worker',
      'node.platform.os==linux',
      'node.platform.arch == x86_64',
      'node.labels.zone==a',
      'node.labels.disk.kind == ssd',
      'engine.labels.storage==fast',
      'node.ip==10.77.0.2',
      'node.ip == 10.77.0.0/24',
    ]) {
      assert.equal(allows(constraint), true, constraint);
      assert.equal(allows(constraint.replace('==', '!=')), false, constraint);
    }
  });

  test('is not met by anything else', () => {
    for (const constraint of [
      'node.id==other',
      'node.hostname==worker-2',
      'node.role==manager',
      'node.labels.zone==b',
      'node.labels.Zone==a',
      'node.labels.absent==a',
      'engine.labels.absent==a',
      'node.ip==10.78.0.0/16',
      'node.ip==fd00::/8',
    ]) {
      assert.equal(allows(constraint), false, constraint);
      assert.equal(allows(constraint.replace('==', '!=')), true, constraint);
    }
  });

  test('excludes nothing where it is not understood', () => {
    for (const constraint of ['node.future==1', 'node.ip==host', 'node.ip==10.0.0.0/33', 'no operator', '']) {
      assert.equal(allows(constraint), true, constraint);
    }
  });

  test('takes no label from where there is none', () => {
    assert.equal(allows('node.labels.constructor!=x'), true);
    assert.equal(allows('node.labels.constructor==x'), false);
  });

  test('counts together with all others', () => {
    assert.equal(allows('node.role==worker', 'node.labels.zone!=b'), true);
    assert.equal(allows('node.role==worker', 'node.labels.zone==b'), false);
    assert.equal(allows(), true);
  });

  test('of a node whose platform and address are not known', () => {
    const { address: _, platform: __, ...unknown } = node;
    assert.equal(allowsNode(['node.platform.os==linux'], unknown), false);
    assert.equal(allowsNode(['node.platform.os!=windows'], unknown), true);
    assert.equal(allowsNode(['node.ip==10.0.0.0/8'], unknown), false);
  });
});

import { authorize, type LabelTokenContent, redeemLabelToken } from '../../src/core/authorize.ts';
import type { NodeTarget } from '../../src/core/target.ts';
import { nodeTarget } from '../../src/core/target.ts';
import { runOperation } from '../../src/engine/run-operation.ts';
import type { Node } from '../../src/engine/swarm.ts';
import { createRecorder, type TestWorld } from './world.ts';

/** An admin's clean of a node, decided. */
export function contentOfNode(node: Node, isDryRun = false): LabelTokenContent {
  const target: NodeTarget = nodeTarget(node);
  const decision = authorize({ kind: 'admin' }, { action: 'clean', targetKind: 'node', isDryRun }, target);
  if (!decision.allowed) {
    throw new RangeError(decision.reason);
  }
  return redeemLabelToken(decision.labelToken);
}

/** Cleans a node, and answers what there was to see. */
export async function cleanNode(world: TestWorld, node: Node, isDryRun = false) {
  const recorder = createRecorder();
  const end = await runOperation(world, contentOfNode(node, isDryRun), recorder.listener);
  const step = (name: string) => recorder.reports.findLast(report => report.name === name);
  return { ...recorder, end, step };
}

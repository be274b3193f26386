import { helperName } from '../../core/helper-name.ts';
import type { NodeWork } from '../../core/step.ts';
import { codeOf, describeEnd } from '../backup/helper-output.ts';
import { runDockerCommand } from './docker-command.ts';
import type { StepExecutor } from './step-executor.ts';

/**
 * Runs the text of a node's own label in a helper on that node. Who may label a node administers the swarm, so the text
 * can do no more there than its author can.
 */
export const nodeExec: StepExecutor<NodeWork & { kind: 'node-exec' }> = async ({ world, node }, step) => {
  const { isDryRun, shell, script } = step.work;
  if (isDryRun) {
    return { status: 'skipped', message: "A dry run does not run the label's text." };
  }
  const outcome = await runDockerCommand(world, {
    name: helperName('clean-exec', { id: node.id, name: node.hostname }, ''),
    nodeId: node.id,
    command: [shell, '-c', script],
    timeoutMs: step.timeoutMs,
    mounts: [{ type: 'scratch', target: '/tmp' }],
  });
  const { status, report } = outcome;
  if (status === 'succeeded') {
    return { status, message: 'Done.', helper: report };
  }
  const what = `exec failed on ${node.hostname}. ${describeEnd(outcome)}`;
  const code = codeOf(outcome, 'exec_failed');
  return { status, message: what, helper: report, error: { code, message: what } };
};

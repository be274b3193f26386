import { helperName } from '../../core/helper-name.ts';
import type { NodeWork } from '../../core/step.ts';
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
  const {
    status,
    report,
    message,
    code: cause = 'exec_failed',
  } = await runDockerCommand(world, {
    name: helperName('clean-exec', { id: node.id, name: node.hostname }, ''),
    nodeId: node.id,
    command: [shell, '-c', script],
    timeoutMs: step.timeoutMs,
    mounts: [{ type: 'scratch', target: '/tmp' }],
  });
  if (status === 'succeeded') {
    return { status, message: 'Done.', helper: report };
  }
  const what = `exec failed on ${node.hostname}. ${message ?? ''}`.trim();
  const code = status === 'timed_out' ? 'timed_out' : cause;
  return { status, message: what, helper: report, error: { code, message: what } };
};

import type { ImagePattern } from '../image-policy.ts';
import type { ExecLabels } from '../labels.ts';
import type { NodePart } from '../node-label-definitions.ts';
import type { CleanNodeRequest } from '../operation.ts';
import type { NodeWork, Step } from '../step.ts';
import type { NodeTarget } from '../target.ts';

/** Of the environment, which labels override; milliseconds. */
export interface CleanNodeDefaults {
  readonly timeoutMs: Readonly<Record<NodePart, number>>;
  readonly minAgeMs: Readonly<Record<NodePart, number>>;
  /** Of containers that were created and never started; undefined: they stay. */
  readonly createdMinAgeMs: number | undefined;
  /** Images that stay on every node. Labels name more. */
  readonly keep: readonly ImagePattern[];
  /** Of the text that a node's labels may bring. */
  readonly execTimeoutMs: number;
}

const DEFAULT_SHELL = '/bin/sh';

/** What holds for one node: its labels over the environment. */
export interface CleanNodeSettings {
  readonly parts: Readonly<
    Record<NodePart, { readonly isEnabled: boolean; readonly timeoutMs: number; readonly minAgeMs: number }>
  >;
  readonly createdMinAgeMs?: number;
  readonly keep: readonly ImagePattern[];
}

export function cleanNodeSettings(
  { labels: { clean } }: NodeTarget,
  defaults: CleanNodeDefaults,
): CleanNodeSettings {
  const part = (name: NodePart) => {
    const { isEnabled, timeoutMs, minAgeMs } = clean.parts[name];
    return {
      isEnabled,
      timeoutMs: timeoutMs ?? defaults.timeoutMs[name],
      minAgeMs: minAgeMs ?? defaults.minAgeMs[name],
    };
  };
  const createdMinAgeMs = clean.createdMinAgeMs ?? defaults.createdMinAgeMs;
  return {
    parts: { container: part('container'), image: part('image'), builder: part('builder') },
    ...(createdMinAgeMs !== undefined && { createdMinAgeMs }),
    keep: [...defaults.keep, ...clean.keep],
  };
}

/**
 * Containers first, since images that only they used can go then; then the build cache, and what the node's labels bring
 * last. Each is done also when the one before it failed: none needs the other.
 */
export function planCleanNode(
  { isDryRun }: CleanNodeRequest,
  target: NodeTarget,
  defaults: CleanNodeDefaults,
): readonly Step[] {
  const { parts, keep, createdMinAgeMs } = cleanNodeSettings(target, defaults);
  const created = createdMinAgeMs !== undefined && { createdMinAgeMs };
  const { exec } = target.labels.clean;
  const step = (name: string, part: NodePart, work: (minAgeMs: number) => NodeWork): readonly Step[] => {
    const { isEnabled, timeoutMs, minAgeMs } = parts[part];
    return isEnabled ? [{ name, when: 'always', timeoutMs, work: work(minAgeMs) }] : [];
  };
  return [
    ...step('containers', 'container', minAgeMs => ({
      kind: 'clean-containers',
      isDryRun,
      minAgeMs,
      ...created,
    })),
    ...step('images', 'image', minAgeMs => ({ kind: 'clean-images', isDryRun, minAgeMs, keep })),
    ...step('build-cache', 'builder', minAgeMs => ({ kind: 'clean-build-cache', isDryRun, minAgeMs })),
    ...(exec === undefined ? [] : [execStep(exec, isDryRun, defaults)]),
  ];
}

function execStep(
  { script, shell = DEFAULT_SHELL, timeoutMs }: ExecLabels,
  isDryRun: boolean,
  { execTimeoutMs }: CleanNodeDefaults,
): Step {
  return {
    name: 'exec',
    when: 'always',
    timeoutMs: timeoutMs ?? execTimeoutMs,
    work: { kind: 'node-exec', isDryRun, shell, script },
  };
}

import { byKey, define, defineSecret, flatten } from './label-definitions.ts';
import {
  ageMsValue,
  booleanValue,
  durationMsValue,
  imagePatternListValue,
  tokenValue,
  type ValueReader,
} from './label-values.ts';

/** What a clean of a node has steps for; the word in labels. */
export const nodeParts = ['container', 'image', 'builder'] as const;
export type NodePart = (typeof nodeParts)[number];

const nameByPart: Readonly<Record<NodePart, string>> = {
  container: 'stopped containers',
  image: 'unused images',
  builder: 'build cache',
};

const keptByPart: Readonly<Record<NodePart, string>> = {
  container: 'Containers that were created less than this ago stay.',
  image: 'Images that were built less than this ago stay.',
  builder: 'Build cache that was used less than this ago stays.',
};

/**
 * The contract names it, and it has no safe meaning: there is no container of the node's own that a command could run
 * in, so it would be a shell of ours, with the node's Docker socket. Whatever it says is a fault.
 */
const refusedValue: ValueReader<never> = {
  expects:
    'left out: a command on a node would run with its Docker socket, which swarm-utils does not do; label a service ' +
    'with `swarm-utils.clean.exec` instead',
  read: () => undefined,
};

function partLabels(part: NodePart) {
  return {
    enable: define(
      `clean.${part}.enable`,
      booleanValue,
      `Whether to remove ${nameByPart[part]}. Default \`true\`.`,
    ),
    timeout: define(
      `clean.${part}.timeout`,
      durationMsValue,
      `Time for each command about ${nameByPart[part]}. Default: the environment.`,
    ),
    minAge: define(`clean.${part}.min-age`, ageMsValue, `${keptByPart[part]} Default: the environment.`),
  };
}

/** The labels that a node may carry. */
export const nodeLabels = {
  enable: define('clean.enable', booleanValue, 'Whether this node is cleaned. Default `true`.'),
  token: defineSecret('clean.token', tokenValue, 'Plain token that may clean this node.'),
  exec: defineSecret('clean.exec', refusedValue, 'Known, and always a fault.'),
  parts: { container: partLabels('container'), image: partLabels('image'), builder: partLabels('builder') },
  imageKeep: define(
    'clean.image.keep',
    imagePatternListValue,
    'Images that stay, besides those that the environment names.',
  ),
};

/** Every label that a node may carry, by its key without `swarm-utils.`. */
export const nodeLabelDefinitions = byKey(flatten(nodeLabels));

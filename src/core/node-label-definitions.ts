import { byKey, define, defineSecret, flatten } from './label-definitions.ts';
import {
  ageMsValue,
  booleanValue,
  durationMsValue,
  imagePatternListValue,
  textValue,
  tokenValue,
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
      `Time for the Engine to list ${nameByPart[part]}, and to remove 25 of them. Default: the environment.`,
    ),
    minAge: define(`clean.${part}.min-age`, ageMsValue, `${keptByPart[part]} Default: the environment.`),
  };
}

/** The labels that a node may carry. */
export const nodeLabels = {
  enable: define('clean.enable', booleanValue, 'Whether this node is cleaned. Default `true`.'),
  token: defineSecret('clean.token', tokenValue, 'Plain token that may clean this node.'),
  exec: {
    script: defineSecret(
      'clean.exec',
      textValue,
      "Run after the rest by the shell of the helper image, in a helper on this node with the node's Docker socket and network: " +
        'who writes it is root there.',
    ),
    shell: define(
      'clean.exec.shell',
      textValue,
      'Shell of the helper image that runs it. Default: `/bin/sh`.',
    ),
    timeout: define(
      'clean.exec.timeout',
      durationMsValue,
      'Time for it. Default: `SWARM_UTILS_CLEAN_SERVICE_EXEC_TIMEOUT`.',
    ),
  },
  parts: { container: partLabels('container'), image: partLabels('image'), builder: partLabels('builder') },
  createdMinAge: define(
    'clean.container.created-min-age',
    ageMsValue,
    'Age from which containers go that were created and never started. Default: the environment.',
  ),
  imageKeep: define(
    'clean.image.keep',
    imagePatternListValue,
    'Images that stay, besides those that the environment names.',
  ),
};

/** Every label that a node may carry, by its key without `swarm-utils.`. */
export const nodeLabelDefinitions = byKey(flatten(nodeLabels));

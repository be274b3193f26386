import type { ImagePattern } from './image-policy.ts';
import {
  actionOf,
  defined,
  findUnknown,
  type LabelFault,
  LabelReader,
  type RawLabels,
} from './label-reader.ts';
import { type ActionLabels, type ExecLabels, readExec } from './labels.ts';
import { type NodePart, nodeLabelDefinitions, nodeLabels } from './node-label-definitions.ts';

/** What the labels say about one step of a clean. */
export interface NodePartLabels {
  readonly isEnabled: boolean;
  readonly timeoutMs?: number;
  readonly minAgeMs?: number;
}

export interface CleanNodeLabels extends ActionLabels {
  readonly parts: Readonly<Record<NodePart, NodePartLabels>>;
  /** Of containers that were created and never started. */
  readonly createdMinAgeMs?: number;
  /** Images that stay. */
  readonly keep: readonly ImagePattern[];
  readonly exec?: ExecLabels;
}

/** All `swarm-utils.*` labels of one node, parsed. */
export interface NodeLabels {
  readonly clean: CleanNodeLabels;
  readonly faults: readonly LabelFault[];
}

/** Parses the labels of a node. Nobody but a plain token can be granted anything on a node. */
export function parseNodeLabels(raw: RawLabels): NodeLabels {
  const reader = new LabelReader(raw, nodeLabelDefinitions);
  const clean = {
    isEnabled: reader.read(nodeLabels.enable) ?? true,
    grants: [],
    parts: {
      container: readPart(reader, 'container'),
      image: readPart(reader, 'image'),
      builder: readPart(reader, 'builder'),
    },
    keep: reader.read(nodeLabels.imageKeep) ?? [],
    ...defined({
      createdMinAgeMs: reader.read(nodeLabels.createdMinAge),
      token: reader.read(nodeLabels.token),
      exec: readExec(reader, nodeLabels.exec),
    }),
  };
  reader.readRest();
  const faults = [...reader.faults, ...findUnknown(raw, nodeLabelDefinitions)];
  return {
    clean: { ...clean, faults: faults.filter(({ label }) => (actionOf(label) ?? 'clean') === 'clean') },
    faults,
  };
}

function readPart(reader: LabelReader, part: NodePart): NodePartLabels {
  const labels = nodeLabels.parts[part];
  return {
    isEnabled: reader.read(labels.enable) ?? true,
    ...defined({ timeoutMs: reader.read(labels.timeout), minAgeMs: reader.read(labels.minAge) }),
  };
}

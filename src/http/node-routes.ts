import type { Request, Response } from 'express';
import { formatImagePattern } from '../core/image-policy.ts';
import { defined } from '../core/label-reader.ts';
import { engineWarnings } from '../core/node/engine-warnings.ts';
import { type CleanNodeDefaults, cleanNodeSettings } from '../core/plan/clean-node.ts';
import { shareCalls } from '../engine/share-calls.ts';
import type { OwnEngine, Swarm } from '../engine/swarm.ts';
import type { Access, ReadableNode } from './access.ts';
import type { Authenticate } from './authenticate.ts';
import { carriesLabel, checkFilter, labelQuery } from './label-filter.ts';
import { readFields } from './read-fields.ts';
import { sendJson } from './send-json.ts';

/** More than the Engine takes for it at most. */
const DESCRIBE_TIMEOUT_MS = 10_000;

/** `GET /api/nodes`, for admins */
export function createNodeRoutes(options: {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly cleanNodeDefaults: CleanNodeDefaults;
  readonly swarm: Pick<Swarm, 'describeEngine'>;
}) {
  const { access, authenticate, cleanNodeDefaults, swarm } = options;
  const describeEngine = shareCalls(() => swarm.describeEngine(), DESCRIBE_TIMEOUT_MS);
  return {
    list: async (request: Request, response: Response): Promise<void> => {
      const { label } = readFields(labelQuery, request.query);
      const { caller } = await authenticate(request);
      if (caller.kind !== 'admin') {
        throw await access.refuse(caller);
      }
      if (label !== undefined) {
        checkFilter(caller, label, 'nodes');
      }
      const [nodes, ownEngine] = await Promise.all([
        access.readableNodes(caller),
        // A proxy before the Engine may not let it tell.
        describeEngine().catch(() => undefined),
      ]);
      const chosen =
        label === undefined ? nodes : nodes.filter(({ node }) => carriesLabel(node.labels, label));
      const warnings = engineWarnings(nodes.map(({ node }) => node));
      const shown = chosen.map(each => ({
        ...present(each, cleanNodeDefaults),
        engine: presentEngine(each, ownEngine),
        warnings: warnings.get(each.node.id) ?? [],
      }));
      sendJson(response, 200, { nodes: shown });
    },
  };
}

/** What the swarm knows of a node's Engine. Which store for images it has only the Engine itself can tell. */
function presentEngine({ node }: ReadableNode, own: OwnEngine | undefined) {
  const { engineVersion: version } = node;
  const imageStore = own?.nodeId === node.id ? own.imageStore : undefined;
  return defined({ version, imageStore });
}

/** A node as the API shows it: of its labels only what they come to and what is wrong. */
function present({ node, target }: ReadableNode, defaults: CleanNodeDefaults) {
  const { parts, createdMinAgeMs, keep } = cleanNodeSettings(target, defaults);
  const { clean } = target.labels;
  return {
    id: node.id,
    name: node.hostname,
    role: node.role,
    state: node.state,
    availability: node.availability,
    clean: {
      isEnabled: clean.isEnabled,
      ...parts,
      ...(createdMinAgeMs !== undefined && { createdMinAgeMs }),
      keep: keep.map(formatImagePattern),
      hasExec: clean.exec !== undefined,
    },
    faults: target.labels.faults,
  };
}

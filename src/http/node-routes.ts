import type { Request, Response } from 'express';
import { formatImagePattern } from '../core/image-policy.ts';
import { type CleanNodeDefaults, cleanNodeSettings } from '../core/plan/clean-node.ts';
import type { Access, ReadableNode } from './access.ts';
import type { Authenticate } from './authenticate.ts';
import { carriesLabel, checkFilter, labelQuery } from './label-filter.ts';
import { readFields } from './read-fields.ts';
import { sendJson } from './send-json.ts';

/** `GET /api/nodes`, for admins */
export function createNodeRoutes(options: {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly cleanNodeDefaults: CleanNodeDefaults;
}) {
  const { access, authenticate, cleanNodeDefaults } = options;
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
      const nodes = await access.readableNodes(caller);
      const chosen =
        label === undefined ? nodes : nodes.filter(({ node }) => carriesLabel(node.labels, label));
      sendJson(response, 200, { nodes: chosen.map(each => present(each, cleanNodeDefaults)) });
    },
  };
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

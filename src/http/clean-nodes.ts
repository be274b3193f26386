import type { Request, Response } from 'express';
import { z } from 'zod';
import { authorize, type LabelToken } from '../core/authorize.ts';
import type { Caller, Operation } from '../core/operation.ts';
import { nodeTarget } from '../core/target.ts';
import type { Operations } from '../engine/operations.ts';
import { runBatch } from '../engine/run-batch.ts';
import type { Node } from '../engine/swarm.ts';
import { whyNoTasks } from '../engine/why-no-tasks.ts';
import type { Access } from './access.ts';
import { commonFields } from './action-route.ts';
import { cleanNodeRequestOf } from './actions.ts';
import type { Authenticate } from './authenticate.ts';
import { carriesLabel, checkFilter, labelField } from './label-filter.ts';
import { booleanField, readFields } from './read-fields.ts';
import { readJson } from './read-json.ts';
import { sendJson } from './send-json.ts';

const cleanNodesBody = z.strictObject({
  dryRun: booleanField.default(false),
  label: labelField.optional(),
  ...commonFields,
});

interface CleanNodesOptions {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly operations: Operations;
  /** How many nodes are cleaned at the same time. */
  readonly parallelOperations: number;
}

/** A node that is not cleaned. */
interface LeftOut {
  readonly nodeName: string;
  readonly reason: string;
}

/**
 * `POST /api/clean/nodes`, for admins: cleans every node, or every node with a label, each in an operation of its own. A
 * node that is not to be cleaned, or can't run anything now, is skipped; one whose labels have faults is refused.
 */
export function createCleanNodes(options: CleanNodesOptions) {
  const { access, authenticate, operations, parallelOperations: parallel } = options;
  return async (request: Request, response: Response): Promise<void> => {
    const body = readFields(cleanNodesBody, readJson(request.body));
    const { caller } = await authenticate(request, body);
    if (caller.kind !== 'admin') {
      throw await access.refuse(caller);
    }
    const { label } = body;
    if (label !== undefined) {
      checkFilter(caller, label, 'nodes');
    }
    const nodes = (await access.readableNodes(caller)).map(({ node }) => node);
    const { labelTokens, skipped, refused } = sort(
      caller,
      nodes.filter(node => label === undefined || carriesLabel(node.labels, label)),
      body,
    );
    const batch = runBatch(operations, labelTokens, { parallel });
    if (!body.waitRes) {
      sendJson(response, 202, { operations: batch.operations, skipped, refused });
      return;
    }
    const finished = await batch.finished;
    const isDone = refused.length === 0 && finished.every(hasSucceeded);
    sendJson(response, isDone ? 200 : 424, { operations: finished, skipped, refused });
  };
}

function sort(caller: Caller, nodes: readonly Node[], body: { readonly dryRun: boolean }) {
  const labelTokens: LabelToken[] = [];
  const skipped: LeftOut[] = [];
  const refused: LeftOut[] = [];
  for (const node of nodes) {
    const { hostname: nodeName } = node;
    const decision = authorize(caller, cleanNodeRequestOf(body), nodeTarget(node));
    const unavailable = whyNoTasks(node);
    if (!decision.allowed) {
      const reason = decision.findings.map(({ message }) => message).join(' ');
      (decision.reason === 'action_not_enabled' ? skipped : refused).push({ nodeName, reason });
    } else if (unavailable === undefined) {
      labelTokens.push(decision.labelToken);
    } else {
      skipped.push({ nodeName, reason: unavailable });
    }
  }
  return { labelTokens, skipped, refused };
}

function hasSucceeded({ status }: Operation): boolean {
  return status === 'succeeded' || status === 'unchanged';
}

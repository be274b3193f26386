import { authorize, type LabelToken, type LabelTokenContent, redeemLabelToken } from '../core/authorize.ts';
import { OperationError } from '../core/errors.ts';
import type { ImageReference } from '../core/image-reference.ts';
import type { ServiceRequest } from '../core/operation.ts';
import { type NodeTarget, nodeTarget, type ServiceTarget, serviceTarget } from '../core/target.ts';
import type { EngineWorld } from './steps/step-executor.ts';
import type { Node, Service } from './swarm.ts';

/** The target of an operation as it is now, and what is allowed on it now. */
export type Decided =
  | {
      readonly targetKind: 'service';
      readonly service: Service;
      readonly target: ServiceTarget;
      readonly labelToken: LabelToken;
    }
  | {
      readonly targetKind: 'node';
      readonly node: Node;
      readonly target: NodeTarget;
      readonly labelToken: LabelToken;
    };

/**
 * Decides on the target as it is now, and on whether it can be worked on at all.
 * @throws OperationError `target_gone`, `not_authorized_any_more`, `own_service`, `node_unavailable`
 */
export async function decideAgain(world: EngineWorld, content: LabelTokenContent): Promise<Decided> {
  if (content.targetKind === 'node') {
    const { node, target } = await findNode(world, content.target.id);
    return { targetKind: 'node', node, target, labelToken: allowAgain(content, target) };
  }
  const { service, target } = await findService(world, content.target.id);
  const labelToken = allowAgain(content, target);
  if (endsItsTasks(content.request, target) && (await world.isOwnService(service.id))) {
    throw new OperationError(
      'own_service',
      'This is the service of swarm-utils itself, which would wait for its own end: deploy its stack file anew instead, ' +
        'and back its data up without swarm-utils.backup.stop.',
    );
  }
  return { targetKind: 'service', service, target, labelToken };
}

function endsItsTasks(request: ServiceRequest, { labels }: ServiceTarget): boolean {
  switch (request.action) {
    case 'update':
      return true;
    case 'clean':
      return false;
    case 'backup':
      return labels.backup.isStopped;
    case 'restore':
      return !request.isDrill;
  }
}

/**
 * Decides once more, on an image that is known by now.
 * @returns the version of the service that this holds for
 * @throws OperationError `target_gone`, `not_authorized_any_more`
 */
export async function decideOnImageAgain(
  world: EngineWorld,
  content: LabelTokenContent,
  image: ImageReference,
): Promise<number> {
  const { service, target } = await findService(world, content.target.id);
  const { request } = content;
  const now = allowAgain(
    { ...content, request: request.action === 'update' ? { ...request, image } : request },
    target,
  );
  // A tag pattern that came in between wants what nobody has looked at.
  if (redeemLabelToken(now).mustMatchTag) {
    throw notAuthorizedAnyMore(target);
  }
  return service.version;
}

async function findService({ swarm }: EngineWorld, id: string) {
  const service = await swarm.getService(id);
  if (service === undefined) {
    throw new OperationError('target_gone', 'Somebody removed the service before its turn came.');
  }
  return { service, target: serviceTarget(service) };
}

async function findNode({ swarm }: EngineWorld, id: string) {
  const node = (await swarm.listNodes()).find(each => each.id === id);
  if (node === undefined) {
    throw new OperationError('target_gone', 'The node left the swarm before its turn came.');
  }
  refuseUnavailable(node);
  return { node, target: nodeTarget(node) };
}

/** The swarm gives such a node no tasks, so no helper either. That is told, and not called a success: nothing was done. */
function refuseUnavailable({ hostname, state, availability }: Node): void {
  if (state !== 'ready') {
    const message = `${hostname} is ${state}, so nothing was cleaned. Try again when it is back.`;
    throw new OperationError('node_unavailable', message);
  }
  if (availability !== 'active') {
    const message =
      `The availability of ${hostname} is ${availability}, so no helper can run there and nothing was cleaned. ` +
      `\`docker node update --availability active ${hostname}\` lets it take part again.`;
    throw new OperationError('node_unavailable', message);
  }
}

function allowAgain(
  { caller, request }: Pick<LabelTokenContent, 'caller' | 'request'>,
  target: ServiceTarget | NodeTarget,
): LabelToken {
  const decision = authorize(caller, request, target);
  if (!decision.allowed) {
    throw notAuthorizedAnyMore(target);
  }
  return decision.labelToken;
}

function notAuthorizedAnyMore({ kind }: ServiceTarget | NodeTarget): OperationError {
  return new OperationError(
    'not_authorized_any_more',
    `The ${kind} changed after the operation was accepted, and its labels do not allow it any more.`,
  );
}

import type { Logger } from 'pino';
import { type Finding, mayRead, visibilityOf } from '../core/authorize.ts';
import { RequestError, type RequestErrorCode } from '../core/errors.ts';
import { type Caller, summarizeCaller } from '../core/operation.ts';
import { describeAmbiguity, describeNode, findNamedNodes } from '../core/placement/node-name.ts';
import { type NodeTarget, nodeTarget, type ServiceTarget, type Target } from '../core/target.ts';
import type { ParsedTargets } from '../engine/parsed-targets.ts';
import { shareCalls } from '../engine/share-calls.ts';
import type { Node, Service, Swarm } from '../engine/swarm.ts';

/** What callers may know of services and nodes. */
export interface Access {
  /**
   * The service of this name, whoever asks: what the caller may do with it is for `authorize`.
   * @throws RequestError as `refuse` says when there is none
   */
  findTarget(caller: Caller, serviceName: string): Promise<ServiceTarget>;
  /**
   * The node of this host name or id, whoever asks. Of several entries of one host name the one that is not down counts.
   * @throws RequestError as `refuse` says when there is none; `ambiguous_name` when there are several and the caller may
   *   clean one of them at least
   */
  findNodeTarget(caller: Caller, nodeName: string): Promise<NodeTarget>;
  /** Whether the caller may read what an operation was for, as it is now; never what is gone. */
  mayReadTarget(caller: Caller, target: Pick<Target, 'kind' | 'id'>): Promise<boolean>;
  /** The nodes that the caller may read. */
  readableNodes(caller: Caller): Promise<readonly ReadableNode[]>;
  /** The services that the caller may read, all or those with a label. */
  readableServices(caller: Caller, label?: string): Promise<readonly ReadableService[]>;
  /** One service; undefined when there is none or the caller may not read it. */
  readableService(
    caller: Caller,
    find: () => Promise<Service | undefined>,
  ): Promise<ReadableService | undefined>;
  /**
   * The error for something that does not exist or is not the caller's, which from outside is the same: `not_found`,
   * or `unauthorized` for a plain token that is nobody's.
   */
  refuse(caller: Caller): Promise<RequestError>;
}

export interface ReadableService {
  readonly service: Service;
  readonly target: ServiceTarget;
}

export interface ReadableNode {
  readonly node: Node;
  readonly target: NodeTarget;
}

/** More than one call to the Engine may take. */
const LIST_TIMEOUT_MS = 60_000;

export function createAccess(swarm: Swarm, parsedTargets: ParsedTargets, log: Logger): Access {
  // Junk must not make the Engine list without end.
  const listAll = shareCalls(async () => {
    const services = await swarm.listServices();
    parsedTargets.ofAll(services);
    return services;
  }, LIST_TIMEOUT_MS);
  const listNodes = shareCalls(() => swarm.listNodes(), LIST_TIMEOUT_MS);

  const nobodys = () => new RequestError('unauthorized', 'the plain token is nobody’s');

  async function hasNode(caller: Caller): Promise<boolean> {
    return (await listNodes()).some(node => mayRead(caller, nodeTarget(node)));
  }

  async function hasService(caller: Caller): Promise<boolean> {
    return (await listAll()).some(service => mayRead(caller, parsedTargets.of(service)));
  }

  /** Not the name: who mixes up the fields may have written a token there. */
  async function refuseUnknown(caller: Caller, event: string, message: string): Promise<RequestError> {
    const error = await refuse(caller);
    if (error.code === 'not_found') {
      log.info({ event, caller: summarizeCaller(caller) }, message);
    }
    return error;
  }

  async function refuse(caller: Caller): Promise<RequestError> {
    if (caller.kind === 'token' && !(await hasService(caller)) && !(await hasNode(caller))) {
      return nobodys();
    }
    return new RequestError('not_found', 'Not found, or not the caller’s.');
  }

  return {
    refuse,
    async findTarget(caller, serviceName) {
      const service = await swarm.findService(serviceName);
      if (service === undefined) {
        throw await refuseUnknown(caller, 'access.no_service', 'there is no such service');
      }
      return parsedTargets.of(service);
    },
    async findNodeTarget(caller, nodeName) {
      const nodes = findNamedNodes(await listNodes(), nodeName);
      const [node] = nodes;
      if (node === undefined) {
        throw await refuseUnknown(caller, 'access.no_node', 'there is no such node');
      }
      if (nodes.length === 1) {
        return nodeTarget(node);
      }
      if (!nodes.some(each => mayRead(caller, nodeTarget(each)))) {
        throw await refuse(caller);
      }
      throw new RequestError('ambiguous_name', describeAmbiguity(nodeName, nodes), {
        details: nodes.map(each => `node ${describeNode(each)}`),
      });
    },
    async mayReadTarget(caller, { kind, id }) {
      if (caller.kind === 'admin') {
        return true;
      }
      if (kind === 'node') {
        const node = (await listNodes()).find(each => each.id === id);
        return node !== undefined && mayRead(caller, nodeTarget(node));
      }
      const service = await swarm.getService(id);
      return service !== undefined && mayRead(caller, parsedTargets.of(service));
    },
    async readableNodes(caller) {
      return (await listNodes())
        .map(node => ({ node, target: nodeTarget(node) }))
        .filter(({ target }) => mayRead(caller, target));
    },
    async readableServices(caller, label) {
      const services = await (label === undefined ? listAll() : swarm.listServices(label));
      const readable = services
        .map(service => ({ service, target: parsedTargets.of(service) }))
        .filter(({ target }) => mayRead(caller, target));
      if (readable.length === 0 && caller.kind === 'token') {
        // Of all services there is nothing more to ask.
        const isKnown = (label !== undefined && (await hasService(caller))) || (await hasNode(caller));
        if (!isKnown) {
          throw nobodys();
        }
      }
      return readable;
    },
    async readableService(caller, find) {
      const service = await find();
      const target = service && parsedTargets.of(service);
      return service && target && mayRead(caller, target) ? { service, target } : undefined;
    },
  };
}

/** Of the findings those that may be told to a caller who is no admin. */
export function tellableFindings(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ reason }) => visibilityOf(reason) !== 'hidden');
}

/** The error code of a denial that may be said openly. */
export function codeOfOpenDenial(reason: Finding['reason']): RequestErrorCode {
  switch (reason) {
    case 'action_not_enabled':
    case 'label_fault':
    case 'image_not_allowed':
    case 'volume_not_allowed':
    case 'node_not_allowed':
    case 'force_not_allowed':
      return reason;
    default:
      return 'not_found';
  }
}

/** Uniform outside, clear in the log. */
export function logDenial(
  log: Logger,
  caller: Caller,
  target: Target,
  denial: { readonly reason: string; readonly findings: readonly Finding[] },
): void {
  log.info(
    {
      event: 'access.denied',
      caller: summarizeCaller(caller),
      [target.kind === 'service' ? 'serviceName' : 'nodeName']: target.name,
      reason: denial.reason,
      findings: denial.findings.map(({ message }) => message),
    },
    'a caller was denied',
  );
}

import type { Logger } from 'pino';
import { type Finding, mayRead, visibilityOf } from '../core/authorize.ts';
import { RequestError, type RequestErrorCode } from '../core/errors.ts';
import { type Caller, summarizeCaller } from '../core/operation.ts';
import type { ServiceTarget } from '../core/target.ts';
import type { ParsedTargets } from '../engine/parsed-targets.ts';
import type { Service, Swarm } from '../engine/swarm.ts';

/** What callers may know of services. */
export interface Access {
  /**
   * The service of this name, whoever asks: what the caller may do with it is for `authorize`.
   * @throws RequestError as `refuse` says when there is none
   */
  findTarget(caller: Caller, serviceName: string): Promise<ServiceTarget>;
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

export function createAccess(swarm: Swarm, parsedTargets: ParsedTargets, log: Logger): Access {
  const listAll = shareRunning(async () => {
    const services = await swarm.listServices();
    parsedTargets.ofAll(services);
    return services;
  });
  const nobodys = () => new RequestError('unauthorized', 'the plain token is nobody’s');

  async function refuse(caller: Caller): Promise<RequestError> {
    if (
      caller.kind === 'token' &&
      !(await listAll()).some(service => mayRead(caller, parsedTargets.of(service)))
    ) {
      return nobodys();
    }
    return new RequestError('not_found', 'Not found, or not the caller’s.');
  }

  return {
    refuse,
    async findTarget(caller, serviceName) {
      const service = await swarm.findService(serviceName);
      if (service === undefined) {
        const error = await refuse(caller);
        // Not the name: who mixes up the fields may have written a token there.
        if (error.code === 'not_found') {
          log.info(
            { event: 'access.no_service', caller: summarizeCaller(caller) },
            'there is no such service',
          );
        }
        throw error;
      }
      return parsedTargets.of(service);
    },
    async readableServices(caller, label) {
      const services = await (label === undefined ? listAll() : swarm.listServices(label));
      const readable = services
        .map(service => ({ service, target: parsedTargets.of(service) }))
        .filter(({ target }) => mayRead(caller, target));
      if (readable.length === 0 && caller.kind === 'token') {
        // Of all services there is nothing more to ask.
        const error = label === undefined ? nobodys() : await refuse(caller);
        if (error.code === 'unauthorized') {
          throw error;
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
      return reason;
    default:
      return 'not_found';
  }
}

/** Uniform outside, clear in the log. */
export function logDenial(
  log: Logger,
  caller: Caller,
  target: ServiceTarget,
  denial: { readonly reason: string; readonly findings: readonly Finding[] },
): void {
  log.info(
    {
      event: 'access.denied',
      caller: summarizeCaller(caller),
      serviceName: target.name,
      reason: denial.reason,
      findings: denial.findings.map(({ message }) => message),
    },
    'a caller was denied',
  );
}

/** Whoever asks while a call is running gets its result, so that junk can't make the Engine list without end. */
function shareRunning<T>(call: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= call().finally(() => {
      running = undefined;
    });
    return running;
  };
}

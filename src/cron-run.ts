import { authorize, type Finding } from './core/authorize.ts';
import { internalMessage, RequestError } from './core/errors.ts';
import { defined } from './core/label-reader.ts';
import type { ActionRequest, Operation } from './core/operation.ts';
import {
  commonServices,
  requestOfClock,
  type ScheduleEntry,
  type SchedulePhase,
} from './core/schedule-entry.ts';
import { isFailure, type ScheduleResult, type ScheduleRun } from './core/schedule-run.ts';
import { nodeTarget, type Target } from './core/target.ts';
import type { Clock } from './engine/clock.ts';
import { createGate, type Gate } from './engine/gate.ts';
import { insist } from './engine/insist.ts';
import type { Operations } from './engine/operations.ts';
import type { ParsedTargets } from './engine/parsed-targets.ts';
import type { Swarm } from './engine/swarm.ts';
import { whyNoTasks } from './engine/why-no-tasks.ts';

/** What a run came to. */
export type RunEnd = Pick<ScheduleRun, 'results' | 'message'> & {
  readonly status: 'succeeded' | 'failed' | 'skipped' | 'interrupted';
};

export interface CronRunOptions {
  readonly swarm: Pick<Swarm, 'listServices' | 'listNodes' | 'getService'>;
  readonly parsedTargets: ParsedTargets;
  readonly operations: Pick<Operations, 'start' | 'finished'>;
  readonly clock: Clock;
  /** How many operations that begin together run at the same time. */
  readonly parallel: number;
  /** For the log. */
  onFault(error: unknown): void;
}

/** Does what an entry is for. Tells its results when they are many and known in part. Never rejects. */
export type CronRun = (
  entry: ScheduleEntry,
  onResults: (results: readonly ScheduleResult[]) => void,
) => Promise<RunEnd>;

/** What is to be done to one target: something is asked for, or there is a reason not to. */
interface Ask {
  readonly target: Target;
  readonly request: ActionRequest;
  readonly reasonNotTo?: string;
}

const MAX_FINDINGS = 5;

/**
 * Runs entries as the caller `schedule`. Labels decide, as for every caller. What the labels of a service forbid is told,
 * and so is each node that can't be cleaned. Operations are patient: nobody would repeat them.
 */
export function createCronRun({
  swarm,
  parsedTargets,
  operations,
  clock,
  parallel,
  onFault,
}: CronRunOptions): CronRun {
  // Services that have their own time often have the same one. They do not wait for the common run, which may take hours.
  const ownGate = createGate(parallel);

  async function runCommon(
    phases: readonly SchedulePhase[],
    onResults: (results: readonly ScheduleResult[]) => void,
  ): Promise<RunEnd> {
    const results: ScheduleResult[] = [];
    const faults: string[] = [];
    for (const phase of phases) {
      const tell = (part: readonly ScheduleResult[]) => onResults([...results, ...part]);
      try {
        const asks = await findAsks(phase);
        results.push(...(await runAll(asks, createGate(parallel), tell)));
      } catch (error) {
        onFault(error);
        faults.push(`${phase.action} ${phase.targetKind}: the swarm could not be asked.`);
      }
    }
    return endOf(results, faults);
  }

  async function findAsks({ action, targetKind }: SchedulePhase): Promise<readonly Ask[]> {
    if (targetKind === 'node') {
      const nodes = await insist(clock, () => swarm.listNodes());
      return nodes.map(node => ({
        target: nodeTarget(node),
        request: { action: 'clean', targetKind: 'node', isDryRun: false },
        ...defined({ reasonNotTo: whyNoTasks(node) }),
      }));
    }
    const services = await insist(clock, () => swarm.listServices());
    const targets = commonServices(parsedTargets.ofAll(services), action);
    return targets.map(target => ({ target, request: requestOfClock(action) }));
  }

  async function runOwn(
    { expression, phases }: ScheduleEntry,
    serviceId: string,
    onResults: (results: readonly ScheduleResult[]) => void,
  ): Promise<RunEnd> {
    const service = await insist(clock, () => swarm.getService(serviceId));
    const target = service && parsedTargets.of(service);
    const [phase] = phases;
    if (target === undefined || phase === undefined) {
      return { status: 'skipped', results: [], message: 'The service is gone.' };
    }
    if (target.labels[phase.action].cron !== expression) {
      return { status: 'skipped', results: [], message: 'The service has another time by now.' };
    }
    return endOf(await runAll([{ target, request: requestOfClock(phase.action) }], ownGate, onResults), []);
  }

  /** @returns what came of each, once all have their verdict */
  async function runAll(
    asks: readonly Ask[],
    gate: Gate,
    onResults: (results: readonly ScheduleResult[]) => void,
  ): Promise<readonly ScheduleResult[]> {
    const begun = asks.map(ask => begin(ask, gate));
    onResults(begun);
    return Promise.all(
      begun.map(async result => {
        const { operation } = result;
        return operation === undefined ? result : resultOf(result, await operations.finished(operation));
      }),
    );
  }

  function begin({ target, request, reasonNotTo }: Ask, gate: Gate): ScheduleResult {
    const { kind, id, name } = target;
    const shared = { action: request.action, target: { kind, id, name } };
    if (reasonNotTo !== undefined) {
      return { ...shared, status: 'skipped', message: reasonNotTo };
    }
    const decision = authorize({ kind: 'schedule' }, request, target);
    if (!decision.allowed) {
      // Who turned a node off meant it.
      const status = decision.reason === 'action_not_enabled' ? 'skipped' : 'refused';
      return { ...shared, status, message: describe(decision.findings) };
    }
    try {
      const operation = operations.start(decision.labelToken, { isPatient: true, gate });
      return resultOf({ ...shared, operation: operation.id, status: operation.status }, operation);
    } catch (error) {
      if (error instanceof RequestError) {
        const status = error.code === 'stopping' ? 'interrupted' : 'refused';
        return { ...shared, status, message: error.message };
      }
      onFault(error);
      return { ...shared, status: 'refused', message: internalMessage };
    }
  }

  return async (entry, onResults) => {
    try {
      const { service, phases } = entry;
      return await (service === undefined
        ? runCommon(phases, onResults)
        : runOwn(entry, service.id, onResults));
    } catch (error) {
      onFault(error);
      return { status: 'failed', results: [], message: 'The swarm could not be asked.' };
    }
  };
}

/** Labels can be wrong by the thousand, and this is kept for each run. */
function describe(findings: readonly Finding[]): string {
  const told = findings.slice(0, MAX_FINDINGS).map(({ message }) => message);
  const more = findings.length - told.length;
  return [...told, ...(more > 0 ? [`And ${more} more.`] : [])].join(' ');
}

function resultOf(result: ScheduleResult, { status, error }: Operation): ScheduleResult {
  return { ...result, status, ...(error !== undefined && { message: error.message }) };
}

function endOf(results: readonly ScheduleResult[], faults: readonly string[]): RunEnd {
  if (results.some(({ status }) => status === 'interrupted')) {
    return { status: 'interrupted', results, message: 'swarm-utils was stopped before all had begun.' };
  }
  const status = faults.length > 0 || results.some(isFailure) ? 'failed' : 'succeeded';
  const message =
    faults.length > 0 ? faults.join(' ') : results.length === 0 ? 'Nothing was to be done.' : undefined;
  return { status, results, ...(message !== undefined && { message }) };
}

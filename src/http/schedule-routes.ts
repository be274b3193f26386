import type { Request, Response } from 'express';
import { z } from 'zod';
import { type Caller, isFinished } from '../core/operation.ts';
import type { ScheduleResult, ScheduleRun, ScheduleState, ScheduleView } from '../core/schedule-run.ts';
import type { Operations } from '../engine/operations.ts';
import type { Access } from './access.ts';
import type { Authenticate } from './authenticate.ts';
import { countField, readFields } from './read-fields.ts';
import { sendJson } from './send-json.ts';

const query = z.strictObject({ limit: countField(100, 10) });
/** As many runs as there are of one entry. */
const ALL = 100;

/** `GET /api/schedule` */
export function createScheduleRoutes(options: {
  readonly access: Access;
  readonly authenticate: Authenticate;
  readonly operations: Operations;
  readonly schedule: ScheduleView;
}) {
  const { access, authenticate, operations, schedule } = options;

  /** The common run tells of all services, so it is for admins. */
  async function readableStates(caller: Caller): Promise<readonly ScheduleState[]> {
    const states = schedule.states();
    if (caller.kind === 'admin') {
      return states;
    }
    const services = await access.readableServices(caller);
    const ids = new Set(services.map(({ target }) => target.id));
    return states.filter(({ entry }) => entry.service !== undefined && ids.has(entry.service.id));
  }

  function present({ entry, isRunning, nextAt }: ScheduleState, limit: number) {
    const { key, expression, phases, service } = entry;
    const runs = schedule.runsOf(key, limit);
    const last = runs.find(hasBegun) ?? schedule.runsOf(key, ALL).find(hasBegun);
    return {
      key,
      actions: phases,
      ...(service !== undefined && { serviceName: service.name }),
      expression,
      ...(nextAt !== undefined && { nextAt: nextAt.toISOString() }),
      isRunning,
      ...(last !== undefined && { lastRun: presentEnd(last) }),
      missed: schedule.missedOf(key),
      runs: runs.map(presentRun),
    };
  }

  function presentRun(run: ScheduleRun) {
    return { ...presentEnd(run), results: run.results.map(presentResult) };
  }

  function presentEnd({ id: _id, key: _key, results: _results, ...run }: ScheduleRun) {
    return run;
  }

  /** The run knows the verdicts once all are there. Until then, and where it was interrupted, the operations do. */
  function presentResult({ operation: id, target: { kind, name }, ...result }: ScheduleResult) {
    const operation = id === undefined ? undefined : operations.get(id);
    const isOpen = result.status === 'queued' || result.status === 'running';
    return {
      action: result.action,
      target: { kind, name },
      status: isOpen && operation !== undefined ? operation.status : result.status,
      ...(id !== undefined && { operation: id }),
      ...(isOpen && operation !== undefined && isFinished(operation) && operation.error !== undefined
        ? { message: operation.error.message }
        : result.message !== undefined && { message: result.message }),
    };
  }

  return {
    show: async (request: Request, response: Response): Promise<void> => {
      const { limit } = readFields(query, request.query);
      const { caller } = await authenticate(request);
      const states = await readableStates(caller);
      const entries = states.toSorted(byName).map(state => present(state, limit));
      sendJson(response, 200, { timeZone: schedule.timeZone, entries });
    },
  };
}

function hasBegun({ startedAt }: ScheduleRun): boolean {
  return startedAt !== undefined;
}

/** The common run first. */
function byName({ entry: a }: ScheduleState, { entry: b }: ScheduleState): number {
  const nameOf = (entry: ScheduleState['entry']) => entry.service?.name ?? '';
  return nameOf(a).localeCompare(nameOf(b)) || a.key.localeCompare(b.key);
}

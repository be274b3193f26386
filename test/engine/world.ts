import assert from 'node:assert/strict';
import {
  authorize,
  type LabelToken,
  type LabelTokenContent,
  redeemLabelToken,
} from '../../src/core/authorize.ts';
import type { Caller, UpdateRequest } from '../../src/core/operation.ts';
import type { StepReport } from '../../src/core/step.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { createBell } from '../../src/engine/bell.ts';
import { createJournal } from '../../src/engine/journal.ts';
import type { OperationListener } from '../../src/engine/run-operation.ts';
import type { EngineSettings, EngineWorld } from '../../src/engine/steps/step-executor.ts';
import type { Service, Task } from '../../src/engine/swarm.ts';
import { backupDefaults } from '../core/backup-defaults.ts';
import { cleanNodeDefaults, cleanServiceDefaults } from '../core/clean-defaults.ts';
import { createFakeSwarm, type FakeSwarm } from '../fixtures/fake-swarm.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

/** Of the service that swarm-utils runs as, if it were one. */
export const ownServiceId = 'swarm-utils-id';
export const secret = 'canary-secret';
export const oldDigest = `sha256:${'1'.repeat(64)}`;
export const newDigest = `sha256:${'2'.repeat(64)}`;
export const oldImage = `registry.test/acme/shop:1@${oldDigest}`;
export const newImage = `registry.test/acme/shop:2@${newDigest}`;

export interface TestWorld extends EngineWorld {
  readonly swarm: FakeSwarm;
  readonly clock: FakeClock;
}

/** What the command of a helper prints, and how it ends. */
export interface CommandAnswer {
  readonly stdout?: readonly string[];
  readonly stderr?: readonly string[];
  readonly exitCode?: number;
  /** It never ends. */
  readonly hangs?: boolean;
}

/** Of a task for which there is no node yet. */
export const unassigned = { nodeId: undefined, containerId: undefined } as unknown as Partial<Task>;

/** A swarm of one node in which time passes by itself. The registry knows two images of acme/shop. */
export function createWorld(settings: Partial<EngineSettings> = {}): TestWorld {
  const clock = createFakeClock();
  const swarm = createFakeSwarm({ now: clock.now });
  swarm.setDigest('registry.test/acme/shop:1', oldDigest);
  swarm.setDigest('registry.test/acme/shop:2', newDigest);
  return {
    clock,
    swarm,
    owner: 'owner-of-the-test',
    namesInUse: new Set(),
    journal: createJournal(swarm, 'owner-of-the-test'),
    isOwnService: async serviceId => serviceId === ownServiceId,
    leftBehind: createBell(),
    redact: text => text.replaceAll(secret, '[redacted]'),
    settings: {
      helperImage: 'docker:25.0.5-cli-alpine3.20',
      registries: [],
      cleanService: cleanServiceDefaults,
      cleanNode: cleanNodeDefaults,
      backup: backupDefaults,
      backupImages: { offen: 'offen:2', restic: 'restic:1', rclone: 'rclone:1' },
      timeouts: { updateMs: 60_000, pendingMs: 20_000, lockMs: 10_000, extraMs: 10_000 },
      ...settings,
    },
  };
}

/** A service that runs acme/shop:1 in as many tasks as it should, and whose updates are on. */
export function addShop({ swarm }: TestWorld, change: Partial<Service> = {}): Service {
  const service = swarm.addService({
    name: 'shop',
    image: oldImage,
    replicas: 2,
    ...change,
    labels: { 'swarm-utils.update.enable': 'true', ...change.labels },
  });
  const wanted = service.mode === 'replicated' ? (service.replicas ?? 0) : 0;
  for (let slot = 1; slot <= wanted; slot += 1) {
    swarm.addTask({ serviceId: service.id, slot, containerId: `container-of-slot-${slot}` });
  }
  return service;
}

export function allow(
  service: Service,
  request: Partial<UpdateRequest> = {},
  caller: Caller = { kind: 'admin' },
): LabelToken {
  const decision = authorize(
    caller,
    { action: 'update', isForce: false, ...request },
    serviceTarget(service),
  );
  assert.ok(decision.allowed);
  return decision.labelToken;
}

export function contentOf(
  service: Service,
  request: Partial<UpdateRequest> = {},
  caller?: Caller,
): LabelTokenContent {
  return redeemLabelToken(allow(service, request, caller));
}

/** A listener that keeps what it is told. */
export function createRecorder() {
  const reports: StepReport[] = [];
  const progress: string[] = [];
  const faults: unknown[] = [];
  const budgets: number[] = [];
  const images: unknown[] = [];
  const listener: OperationListener = {
    step: report => reports.push(report),
    image: image => images.push(image),
    progress: (step, message) => progress.push(`${step}: ${message}`),
    timeBudget: timeoutMs => budgets.push(timeoutMs),
    internalError: error => faults.push(error),
  };
  /** How each step ended. */
  const ends = () =>
    reports.filter(({ status }) => status !== 'running').map(({ name, status }) => `${name} ${status}`);
  return { listener, reports, progress, faults, images, budgets, ends };
}

import type { BackupStore, VerifyDepth } from '../../src/core/backup.ts';
import type { HelperService } from '../../src/core/helper.ts';
import type { Step } from '../../src/core/step.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { sections } from '../../src/engine/backup/store-scripts.ts';
import { executeStep } from '../../src/engine/steps/index.ts';
import type { ServiceContext, StepOutcome } from '../../src/engine/steps/step-executor.ts';
import type { Service, ServiceMount } from '../../src/engine/swarm.ts';
import { carryAsk, type EngineReply } from './fake-engine.ts';
import { addShop, type CommandAnswer, createWorld, type TestWorld } from './world.ts';

/** Of the store of these tests. */
export const s3Secret = 'secret-key-of-the-shop';

export const store: BackupStore = {
  engine: 'offen',
  prefix: 'shop',
  retentionDays: 5,
  resticPassword: 'password-of-the-shop',
  target: {
    kind: 's3',
    endpoint: 's3.test:9000',
    isHttps: true,
    bucket: 'backups',
    accessKey: 'access-key-of-the-shop',
    secretKey: s3Secret,
  },
};
export const localStore: BackupStore = { ...store, target: { kind: 'local' } };
export const resticStore: BackupStore = { ...store, engine: 'restic' };

/** What a helper answers. */
export type Answer = (helper: HelperService) => CommandAnswer;

/** The shop with the volumes `data` and `more`, about to be backed up. Its helpers answer as `helpersSay` was told. */
export function openBackup(change: Partial<Service> = {}) {
  const world = createWorld();
  const service = addShop(world, { volumes: ['data', 'more'], replicas: 1, ...change });
  const progress: string[] = [];
  const context: ServiceContext = {
    world,
    service,
    target: serviceTarget(service),
    onProgress: message => progress.push(message),
    checkStillAllowed: async () => service.version,
  };
  const helpers: HelperService[] = [];
  const step = (work: Step['work']): Promise<StepOutcome> =>
    executeStep(context, { name: work.kind, when: 'on-success', timeoutMs: 60_000, work });
  return {
    world,
    service,
    context,
    progress,
    /** Those that ran, in their order. */
    helpers,
    helpersSay: (answer: Answer) => answerHelpers(world, helpers, answer),
    locate: (volumes: readonly string[] = ['data', 'more'], isStopped = false) =>
      step({ kind: 'locate-volumes', volumes, isStopped }),
    upload: (to = store) => step({ kind: 'upload', store: to }),
    verify: (to = store, depth: VerifyDepth = 'snapshot') =>
      step({ kind: 'verify-backup', store: to, depth }),
    forget: (to = store) => step({ kind: 'forget-backups', store: to }),
  };
}

function answerHelpers({ swarm }: TestWorld, helpers: HelperService[], answer: Answer): void {
  swarm.onHelper((service, _, helper) => {
    helpers.push(helper);
    const { stdout = [], stderr = [], exitCode = 0, hangs = false } = answer(helper);
    const task = swarm.addTask({
      serviceId: service.id,
      nodeId: helper.nodeId,
      state: hangs ? 'running' : exitCode === 0 ? 'complete' : 'failed',
      ...(!hangs && { exitCode }),
      ...(exitCode !== 0 && { error: `task: non-zero exit (${exitCode})` }),
    });
    swarm.setOutput(task.id, { stdout, stderr });
  });
}

/** The positional parameters of a helper's script. */
export function valuesOf({ command }: HelperService): readonly string[] {
  return command.slice(4);
}

/** A mount of a cluster volume, as a service has it. */
export function clusterMount(source: string): ServiceMount {
  return { type: 'cluster', source, driverOptions: {} };
}

/** A helper answers as the Engines of nodes that have these volumes, and of a swarm that has these cluster volumes. */
export function volumesOn(
  volumes: Readonly<Record<string, readonly string[]>>,
  clusterVolumes: readonly string[] = [],
): Answer {
  return helper => {
    const own = volumes[helper.nodeId] ?? [];
    // Managers know those of the swarm.
    const cluster = helper.nodeId === 'node-1' ? clusterVolumes : [];
    const all = [...own.map(localVolume), ...cluster.map(clusterVolume)];
    return carryAsk(helper, text => answerAboutVolumes(text, all));
  };
}

function answerAboutVolumes(text: string, volumes: readonly VolumeJson[]): EngineReply {
  if (text === 'GET /volumes') {
    return { json: { Volumes: volumes.length === 0 ? null : volumes, Warnings: null } };
  }
  const name = text.slice('GET /volumes/'.length);
  const found = volumes.find(volume => volume.Name === name);
  return found === undefined
    ? { status: 404, json: { message: `volume ${name} not found` } }
    : { json: found };
}

interface VolumeJson {
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly ClusterVolume?: object;
}

function localVolume(name: string): VolumeJson {
  return { Name: name, Driver: 'local', Scope: 'local' };
}

function clusterVolume(name: string): VolumeJson {
  const ClusterVolume = { ID: 'id-of-it', Spec: { AccessMode: { Scope: 'single', Sharing: 'none' } } };
  return { Name: name, Driver: 'nosuchcsi', Scope: 'global', ClusterVolume };
}

/** What `inspectFolder` prints: a listing, the server's tags, and archives that were read. */
export function folderAnswer(
  files: readonly { readonly name: string; readonly size: number; readonly tag?: string }[],
  archives: readonly string[] = [],
): CommandAnswer {
  const objects = files.map(
    ({ name, tag, size }) =>
      `<Contents><Key>shop/${name}</Key><ETag>&quot;${tag}&quot;</ETag><Size>${size}</Size></Contents>`,
  );
  return {
    stdout: [
      '[',
      files.map(({ name, size }) => JSON.stringify({ Name: name, Size: size, IsDir: false })).join(',\n'),
      ']',
      sections.answers,
      `<?xml version="1.0"?><ListBucketResult>${objects.join('')}</ListBucketResult>`,
      sections.archives,
      ...archives,
    ],
  };
}

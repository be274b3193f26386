import type { BackupStore } from '../../src/core/backup.ts';
import type { HelperService } from '../../src/core/helper.ts';
import type { Step } from '../../src/core/step.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { sections } from '../../src/engine/backup/store-scripts.ts';
import { executeStep } from '../../src/engine/steps/index.ts';
import type { ServiceContext, StepOutcome } from '../../src/engine/steps/step-executor.ts';
import type { Service } from '../../src/engine/swarm.ts';
import type { CommandAnswer } from './node-commands.ts';
import { addShop, createWorld, type TestWorld } from './world.ts';

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
    verify: (to = store) => step({ kind: 'verify-backup', store: to }),
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

/** Answers as the Docker CLI of nodes that have these volumes. */
export function volumesOn(volumes: Readonly<Record<string, readonly string[]>>): Answer {
  return ({ nodeId, command }) => {
    const asked = command.slice(command.indexOf('--') + 1);
    const missing = asked.filter(name => !volumes[nodeId]?.includes(name));
    return {
      stdout: asked.filter(name => !missing.includes(name)).map(name => JSON.stringify(name)),
      stderr: missing.map(name => `Error: No such volume: ${name}`),
      exitCode: missing.length > 0 ? 1 : 0,
    };
  };
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

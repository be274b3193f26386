import { type ProviderName, providerNames, webhookEvents } from '../../providers/provider.ts';
import { backupEngines, verifyDepths } from './backup.ts';
import {
  booleanValue,
  bucketValue,
  daysValue,
  durationMsValue,
  githubRepositoryListValue,
  gitlabProjectListValue,
  idListValue,
  imagePatternListValue,
  imageTemplateValue,
  nameListValue,
  oneOf,
  organizationRepositoryListValue,
  refListValue,
  s3HostValue,
  someOf,
  startedByListValue,
  textValue,
  tokenValue,
  userValue,
  type ValueReader,
} from './label-values.ts';
import { type ActionName, actionNames } from './operation.ts';
import { cronExpressionValue } from './schedule-values.ts';

/** One label of the contract: parser and reference page are made from it. */
export interface LabelDefinition<T> {
  /** Without `swarm-utils.`. */
  readonly key: string;
  readonly value: ValueReader<T>;
  readonly description: string;
  /** Its value never appears anywhere. */
  readonly isSecret: boolean;
}

const repositoryListByProvider: Readonly<Record<ProviderName, ValueReader<readonly string[]>>> = {
  'github-org': organizationRepositoryListValue,
  github: githubRepositoryListValue,
  gitlab: gitlabProjectListValue,
};

export const defaultStartedBy: Readonly<Record<ProviderName, readonly string[]>> = {
  'github-org': ['push', 'workflow_dispatch', 'release'],
  github: ['push', 'workflow_dispatch', 'release'],
  gitlab: ['push', 'web'],
};

/** A label whose value may be shown. */
export function define<T>(key: string, value: ValueReader<T>, description: string): LabelDefinition<T> {
  return { key, value, description, isSecret: false };
}

/** A label whose value is shown nowhere. */
export function defineSecret<T>(key: string, value: ValueReader<T>, description: string): LabelDefinition<T> {
  return { key, value, description, isSecret: true };
}

/** The labels that every action has. */
export function actionLabels<A extends ActionName>(action: A) {
  return {
    enable: define(
      `${action}.enable`,
      booleanValue,
      `Turns \`${action}\` on for this service. Default \`false\`.`,
    ),
    token: defineSecret(`${action}.token`, tokenValue, `Plain token that may \`${action}\` this service.`),
    timeout: define(
      `${action}.timeout`,
      durationMsValue,
      'Time for each step that has none of its own. Default: the environment.',
    ),
    cron: define(`${action}.cron`, cronExpressionValue, cronDescriptions[action]),
  };
}

const zone = 'in the time zone `SWARM_UTILS_CRON_TZ`';
const cronDescriptions: Readonly<Record<ActionName, string>> = {
  update: `When to deploy the running reference anew if its tag has moved, ${zone}. Absent: never.`,
  clean: `When to clean the service, ${zone}, instead of at \`SWARM_UTILS_CRON_EXPR\`.`,
  backup: `When to back the service up, ${zone}, instead of at \`SWARM_UTILS_CRON_EXPR\`.`,
  restore: `When to try a restore without touching anything (a drill), ${zone}. Absent: never.`,
};

/** The labels of one provider's grant for one action. */
export function grantLabels(action: ActionName, provider: ProviderName) {
  const prefix = `${action}.${provider}`;
  return {
    repository: define(
      `${prefix}.repository`,
      repositoryListByProvider[provider],
      'Repository that may, compared without regard to case.',
    ),
    repositoryId: define(
      `${prefix}.repository-id`,
      idListValue,
      'Its immutable id. With both, both must match.',
    ),
    ref: define(`${prefix}.ref`, refListValue, 'Branch or tag that the pipeline ran on.'),
    environment: define(`${prefix}.environment`, textValue, 'Deployment environment, exact.'),
    event: define(
      `${prefix}.event`,
      startedByListValue,
      `What may have started the pipeline. Default \`${defaultStartedBy[provider].join(',')}\`.`,
    ),
    workflow: define(
      `${prefix}.workflow`,
      textValue,
      provider === 'gitlab' ? 'Exact `ci_config_ref_uri`.' : 'Exact `workflow_ref`.',
    ),
    on: define(
      `${prefix}.on`,
      someOf(webhookEvents[provider]),
      'Webhook events that start the action by themselves. Absent: none.',
    ),
  };
}

export function refProtectedLabel(action: ActionName) {
  return define(
    `${action}.gitlab.ref-protected`,
    booleanValue,
    'Whether the ref must be protected. Default `true`.',
  );
}

/**
 * An `exec` label with its shell and time-out.
 * @param defaultShell as the reference says it
 */
export function execLabels(prefix: string, defaultShell = '`/bin/sh`') {
  return {
    script: define(`${prefix}`, textValue, "Run by the shell in every running task's container."),
    shell: define(
      `${prefix}.shell`,
      textValue,
      `Shell of the container that runs it. Default: ${defaultShell}.`,
    ),
    timeout: define(
      `${prefix}.timeout`,
      durationMsValue,
      'Time for it in one container; what goes on then is ended there.',
    ),
    user: define(
      `${prefix}.user`,
      userValue,
      "Whom it runs as in the container. Default: the container's own user.",
    ),
  };
}

export const updateLabels = {
  imageAllow: define(
    'update.image-allow',
    imagePatternListValue,
    'Images that may be deployed. Default: the repository of the image that runs now. `*` alone: any.',
  ),
  image: define(
    'update.image',
    imageTemplateValue,
    'Image that a webhook without one deploys. Default: the running reference, resolved anew.',
  ),
  registryAuth: define(
    'update.registry.auth',
    booleanValue,
    'The registry needs a login; none found is an error.',
  ),
  registryUser: define('update.registry.user', textValue, 'User at the registry.'),
  registryPassword: defineSecret('update.registry.password', textValue, 'Password or token at the registry.'),
  registryUrl: define('update.registry.url', textValue, 'Host of the registry.'),
  execPre: execLabels('update.exec-pre'),
  execPost: execLabels('update.exec-post'),
};

export const cleanLabels = {
  exec: execLabels('clean.exec', 'the environment'),
  parallel: define(
    'clean.exec.parallel',
    booleanValue,
    'Whether all containers run it at the same time. Default `true`; `false`: one after the other.',
  ),
};

export const backupLabels = {
  exec: execLabels('backup.exec', 'the environment'),
  execRequired: define(
    'backup.exec.required',
    booleanValue,
    'Whether a backup fails where no task ran `exec`. Default `true`.',
  ),
  stop: define('backup.stop', booleanValue, 'Scale the service to 0 while its volumes are uploaded.'),
  stopTimeout: define('backup.stop.timeout', durationMsValue, 'Time for the stop.'),
  startTimeout: define('backup.start.timeout', durationMsValue, 'Time for the start.'),
  volumes: define('backup.volume-list-upload', nameListValue, 'Volumes to upload.'),
  volumesTimeout: define(
    'backup.volume-list-upload.timeout',
    durationMsValue,
    'Time for the upload of a volume.',
  ),
  volumesShared: define(
    'backup.volumes.shared',
    booleanValue,
    'Whether volumes of one name on several nodes are one storage. Default: judged by driver and options.',
  ),
  s3Url: define('backup.volume-list-upload.s3.url', s3HostValue, 'Host of the S3 server.'),
  s3Https: define('backup.volume-list-upload.s3.https', booleanValue, 'Whether to use HTTPS.'),
  s3AccessKey: defineSecret('backup.volume-list-upload.s3.access-key', textValue, 'Access key.'),
  s3SecretKey: defineSecret('backup.volume-list-upload.s3.secret-key', textValue, 'Secret key.'),
  s3Bucket: define('backup.volume-list-upload.s3.bucket', bucketValue, 'Bucket.'),
  s3RetentionDays: define(
    'backup.volume-list-upload.s3.retention-days',
    daysValue,
    'Days that a backup is kept.',
  ),
  engine: define('backup.engine', oneOf(backupEngines), 'Program that makes the backup. Default `offen`.'),
  verify: define(
    'backup.verify',
    oneOf(verifyDepths),
    'What is checked after the upload: `snapshot`: what was just written; `repository`: all that restic has of the service; `data`: every byte of that too. Default `snapshot`.',
  ),
  verifyTimeout: define('backup.verify.timeout', durationMsValue, 'Time for that check.'),
  target: define('backup.target', oneOf(['s3', 'local'] as const), 'Where it goes. Default `s3`.'),
};

/** Every label that a service may carry, by its key without `swarm-utils.`. */
export const serviceLabelDefinitions: ReadonlyMap<string, LabelDefinition<unknown>> = byKey([
  ...actionNames.flatMap(action => [
    ...Object.values(actionLabels(action)),
    ...providerNames.flatMap(provider => Object.values(grantLabels(action, provider))),
    refProtectedLabel(action),
  ]),
  ...flatten(updateLabels),
  ...flatten(cleanLabels),
  ...flatten(backupLabels),
]);

export function byKey(
  definitions: readonly LabelDefinition<unknown>[],
): ReadonlyMap<string, LabelDefinition<unknown>> {
  return new Map(definitions.map(definition => [definition.key, definition]));
}

type Definitions = { readonly [name: string]: LabelDefinition<unknown> | Definitions };

/** All definitions of a tree of them. */
export function flatten(definitions: Definitions): LabelDefinition<unknown>[] {
  return Object.values(definitions).flatMap(entry => (isDefinition(entry) ? [entry] : flatten(entry)));
}

function isDefinition(entry: LabelDefinition<unknown> | Definitions): entry is LabelDefinition<unknown> {
  return 'key' in entry && typeof entry.key === 'string';
}

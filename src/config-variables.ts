import { z } from 'zod';
import { backupVariables } from './config-backup-variables.ts';
import { registryAuthSchema, secretsInJson, signingTokensSchema } from './config-json-values.ts';
import {
  adminTokensValue,
  audienceValue,
  countValue,
  credentialValue,
  dockerHostValue,
  idValue,
  imageValue,
  masterKeyValue,
  organizationValue,
  parallelValue,
  pemValue,
  portValue,
  registryValue,
  schemaOf,
  sharedSecretValue,
  splitList,
  trustProxyValue,
  urlValue,
} from './config-values.ts';
import { optional, secret, type Variable, withDefault } from './config-variable.ts';
import {
  ageMsValue,
  booleanValue,
  durationMsValue,
  imagePatternListValue,
  oneOf,
  textValue,
} from './core/label-values.ts';
import { cronExpressionValue, timeZoneValue } from './core/schedule-values.ts';

const http = {
  SWARM_UTILS_SERVER_PORT: withDefault(portValue, '3000', 'HTTP port.'),
  SWARM_UTILS_WEBHOOK_PORT: optional(
    portValue,
    'When set, `/webhooks/*` is served on this port, with nothing beside it but the health checks, so that only webhooks need be published.',
  ),
  SWARM_UTILS_TRUST_PROXY: withDefault(
    trustProxyValue,
    'false',
    "Whose `X-Forwarded-For` counts, as Express' `trust proxy`. Name the addresses of your proxies: with `true` or a number, whoever reaches a port without the proxy invents its own address.",
  ),
  SWARM_UTILS_AUTH_FAILURE_LIMIT: withDefault(
    countValue,
    '60',
    'Refused credentials a minute from one address before it gets 429; `0` = no limit. What is valid is never limited.',
  ),
  SWARM_UTILS_ADMIN_TOKEN_LIST: secret(
    schemaOf(adminTokensValue),
    'Tokens of admins, who may do everything.',
    splitList,
  ),
};

const webhooks = {
  SWARM_UTILS_WEBHOOK_MASTER_KEY: secret(
    schemaOf(masterKeyValue),
    'The webhook secret of each repository is derived from it. Turns the webhooks of `github` and `gitlab` on.',
  ),
  SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET: secret(
    schemaOf(sharedSecretValue),
    "Secret of the organisation's webhook. Turns the webhooks of `github-org` on.",
  ),
  SWARM_UTILS_GITLAB_SIGNING_TOKENS: secret(
    signingTokensSchema,
    'Signing tokens of GitLab webhooks by project or group. Where there is one, nothing less is accepted.',
    secretsInJson,
  ),
};

const oidc = {
  SWARM_UTILS_OIDC_AUDIENCE: optional(
    audienceValue,
    'The `aud` that a token must carry, exactly. Turns OIDC on for `github`, `gitlab` and, with its name, `github-org`.',
  ),
  SWARM_UTILS_OIDC_ALLOW_INSECURE_ISSUER: withDefault(
    booleanValue,
    'false',
    'Lets an issuer be `http://`: whoever is on the way can then forge tokens.',
  ),
  SWARM_UTILS_GITHUB_OIDC_ISSUER: optional(
    urlValue,
    'Default `https://token.actions.githubusercontent.com`. Set it for an enterprise slug or an Enterprise Server.',
  ),
  SWARM_UTILS_GITHUB_ORG_NAME: optional(
    organizationValue,
    'Login of the organisation. Turns `github-org` on.',
  ),
  SWARM_UTILS_GITHUB_ORG_ID: optional(idValue, "The organisation's immutable id; checked when set."),
  SWARM_UTILS_GITHUB_ORG_OIDC_ISSUER: optional(urlValue, 'Default: `SWARM_UTILS_GITHUB_OIDC_ISSUER`.'),
  SWARM_UTILS_GITLAB_URL: withDefault(urlValue, 'https://gitlab.com', 'The GitLab instance.'),
  SWARM_UTILS_GITLAB_OIDC_ISSUER: optional(urlValue, 'Default: `SWARM_UTILS_GITLAB_URL`.'),
  SWARM_UTILS_GITLAB_API_TOKEN: secret(
    schemaOf(credentialValue),
    'With it GitLab is asked whether a ref is protected where a webhook does not say (scope `read_api`).',
  ),
};

const update = {
  SWARM_UTILS_UPDATE_SERVICE_TIMEOUT: withDefault(
    durationMsValue,
    '60_000',
    'Time for the rollout, milliseconds.',
  ),
  SWARM_UTILS_PENDING_SERVICE_TIMEOUT: withDefault(
    durationMsValue,
    '20_000',
    'Time for a task to get from pending to running, milliseconds.',
  ),
  SWARM_UTILS_LOCK_TIMEOUT: withDefault(
    durationMsValue,
    '10_000',
    'How long a request waits while another operation has the target, milliseconds.',
  ),
  SWARM_UTILS_EXTRA_TIMEOUT: withDefault(
    durationMsValue,
    '10_000',
    'Added once per operation for the delays of the network, milliseconds.',
  ),
  SWARM_UTILS_DOCKER_CLI_IMAGE_NAME: withDefault(
    imageValue,
    'docker:25.0.5-cli-alpine3.20',
    'Image with the Docker CLI, `/bin/sh` and the usual tools of BusyBox or coreutils (`timeout`, `mkfifo`, `gzip`, `base64` …); helper services run it on each ' +
      'node.',
  ),
};

const clean = {
  SWARM_UTILS_CLEAN_SERVICE_EXEC_SHELL: withDefault(
    textValue,
    '/bin/sh',
    "Shell of a service's container that runs its `clean.exec`.",
  ),
  SWARM_UTILS_CLEAN_SERVICE_EXEC_TIMEOUT: withDefault(
    durationMsValue,
    '60_000',
    'Time for `clean.exec` in one container, milliseconds.',
  ),
  SWARM_UTILS_CLEAN_NODE_CONTAINER_TIMEOUT: withDefault(
    durationMsValue,
    '60_000',
    'Time for the Engine of a node to list stopped containers, and to remove 25 of them, milliseconds.',
  ),
  SWARM_UTILS_CLEAN_NODE_IMAGE_TIMEOUT: withDefault(
    durationMsValue,
    '60_000',
    'Time for the Engine of a node to list images, and to remove 25 names of them, milliseconds.',
  ),
  SWARM_UTILS_CLEAN_NODE_BUILDER_TIMEOUT: withDefault(
    durationMsValue,
    '60_000',
    'Time for the Engine of a node to remove build cache, milliseconds.',
  ),
  SWARM_UTILS_CLEAN_NODE_CONTAINER_MIN_AGE: withDefault(
    ageMsValue,
    '0',
    'Stopped containers that were created less than this ago stay.',
  ),
  SWARM_UTILS_CLEAN_NODE_CREATED_MIN_AGE: optional(
    ageMsValue,
    'Age from which containers go that were created and never started. Without it they stay, for they may be made to hold volumes, ' +
      "or to be started later; the swarm's own go after an hour in any case. Their volumes stay.",
  ),
  SWARM_UTILS_CLEAN_NODE_IMAGE_MIN_AGE: withDefault(
    ageMsValue,
    '0',
    'Images that were built less than this ago stay: give nodes that build images the time until they are pushed.',
  ),
  SWARM_UTILS_CLEAN_NODE_BUILDER_MIN_AGE: withDefault(
    ageMsValue,
    '0',
    'Build cache that was used less than this ago stays.',
  ),
  SWARM_UTILS_CLEAN_NODE_IMAGE_KEEP: optional(
    imagePatternListValue,
    'Images that stay on every node, whoever needs them.',
  ),
};

const registry = {
  SWARM_UTILS_REGISTRY_AUTH: secret(
    registryAuthSchema,
    'A Docker `config.json` with the passwords in it. Labels win over it; it wins over the three below.',
    secretsInJson,
  ),
  SWARM_UTILS_REGISTRY_URL: optional(
    registryValue,
    'The registry that the next two are for. All three or none.',
  ),
  SWARM_UTILS_REGISTRY_USER: optional(credentialValue, 'User at that registry.'),
  SWARM_UTILS_REGISTRY_PASSWORD: secret(schemaOf(credentialValue), 'Password or token at that registry.'),
};

const host = {
  SWARM_UTILS_DOCKER_HOST: withDefault(
    dockerHostValue,
    'unix:///var/run/docker.sock',
    "The Engine of a manager. `tcp://` without TLS is for a private network: who reaches that port is the cluster's admin.",
  ),
  SWARM_UTILS_DOCKER_TLS_CA: secret(schemaOf(pemValue), "Authority that signed the Engine's certificate."),
  SWARM_UTILS_DOCKER_TLS_CERT: secret(
    schemaOf(pemValue),
    'Certificate to show to the Engine; needs the key.',
  ),
  SWARM_UTILS_DOCKER_TLS_KEY: secret(schemaOf(pemValue), 'Key of that certificate.'),
  SWARM_UTILS_DATA_DIR: withDefault(
    textValue,
    '/data',
    'Folder of the SQLite file with history and replay records, and of the socket that the health check asks.',
  ),
  SWARM_UTILS_LOG_LEVEL: withDefault(
    oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const),
    'info',
    'From `debug` on, errors are logged with their stack.',
  ),
};

const schedule = {
  SWARM_UTILS_CRON_EXPR: withDefault(
    cronExpressionValue,
    '0 0 3 * * *',
    'When all services are cleaned, then all nodes, then all services are backed up. Labels can give a service its own time.',
  ),
  SWARM_UTILS_CRON_TZ: withDefault(timeZoneValue, 'UTC', 'Time zone of all cron expressions.'),
  SWARM_UTILS_IS_CRON_CLEAN_SERVICE: withDefault(
    booleanValue,
    'true',
    'Whether services are cleaned then. The label `swarm-utils.clean.cron` of a service counts all the same.',
  ),
  SWARM_UTILS_IS_CRON_CLEAN_NODE: withDefault(booleanValue, 'true', 'Whether nodes are cleaned then.'),
  SWARM_UTILS_IS_CRON_BACKUP_SERVICE: withDefault(
    booleanValue,
    'true',
    'Whether services are backed up then. The label `swarm-utils.backup.cron` of a service counts all the same.',
  ),
  SWARM_UTILS_PARALLEL_OPERATIONS: withDefault(
    parallelValue,
    '10',
    'How many operations run at the same time of those that begin together, by the clock or by a call for all nodes.',
  ),
};

/** Known and checked, so that the environment of an earlier or later version starts, but without effect in this one. */
const withoutEffect = {
  SWARM_UTILS_GITHUB_API_URL: optional(urlValue, ''),
  SWARM_UTILS_GITHUB_API_TOKEN: secret(schemaOf(credentialValue), ''),
};

/** The variables that have an effect, as the reference page shows them. */
export const variableGroups: readonly {
  readonly title: string;
  readonly variables: Readonly<Record<string, Variable<unknown>>>;
}[] = [
  { title: 'HTTP', variables: http },
  { title: 'Webhooks', variables: webhooks },
  { title: 'OIDC and platforms', variables: oidc },
  { title: 'Update', variables: update },
  { title: 'Clean', variables: clean },
  { title: 'Backup and restore', variables: backupVariables },
  { title: 'On a schedule', variables: schedule },
  { title: 'Registries', variables: registry },
  { title: 'Engine, data and log', variables: host },
];

const effective = {
  ...http,
  ...webhooks,
  ...oidc,
  ...update,
  ...clean,
  ...backupVariables,
  ...schedule,
  ...registry,
  ...host,
};

/** Every variable there is, by its name. */
export const variables: ReadonlyMap<string, Variable<unknown>> = new Map(
  Object.entries({ ...effective, ...withoutEffect }),
);

/** The names of those that are accepted and do nothing. */
export const namesWithoutEffect: ReadonlySet<string> = new Set(Object.keys(withoutEffect));

type Shape = { readonly [K in keyof typeof effective]: (typeof effective)[K]['schema'] };

/** The one schema of the environment. Its input: texts that are not empty, secrets already read from their files. */
export const environmentSchema = z.object(
  Object.fromEntries([...variables].map(([name, variable]) => [name, variable.schema])) as unknown as Shape,
);

export type Environment = z.output<typeof environmentSchema>;

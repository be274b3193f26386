import { collectTexts, type Fault } from './config-texts.ts';
import { type Environment, environmentSchema, namesWithoutEffect, variables } from './config-variables.ts';
import type { TokenSecret } from './core/plain-token.ts';
import type { RegistryCredentials } from './core/registry-credentials.ts';
import type { CronSettings } from './core/schedule-entry.ts';
import type { EngineConnection } from './engine/docker/connection.ts';
import type { EngineSettings } from './engine/steps/step-executor.ts';

/** Everything the environment decides, in groups of plain values for the factories. Frozen. */
export interface Config {
  readonly http: {
    readonly port: number;
    /** When set, webhooks are served here and nowhere else. */
    readonly webhookPort: number | undefined;
    readonly trustProxy: boolean | number | string;
    /** Refused credentials a minute from one address; 0 = no limit. */
    readonly authFailureLimit: number;
    readonly adminTokens: readonly TokenSecret[];
  };
  readonly providers: {
    readonly webhookMasterKey: string | undefined;
    readonly oidcAudience: string | undefined;
    readonly oidcAllowInsecureIssuer: boolean;
    readonly githubOidcIssuer: string | undefined;
    readonly githubOrgName: string | undefined;
    readonly githubOrgId: string | undefined;
    readonly githubOrgWebhookSecret: string | undefined;
    readonly githubOrgOidcIssuer: string | undefined;
    readonly gitlabUrl: string;
    readonly gitlabOidcIssuer: string | undefined;
    readonly gitlabApiToken: string | undefined;
    readonly gitlabSigningTokens: Readonly<Record<string, string>> | undefined;
  };
  readonly engine: EngineSettings;
  readonly cron: CronSettings;
  readonly docker: EngineConnection;
  readonly dataDir: string;
  readonly logLevel: Environment['SWARM_UTILS_LOG_LEVEL'];
  /** Every text that must appear nowhere. */
  readonly secretValues: readonly string[];
  /** Variables that are set and have no effect in this version. */
  readonly withoutEffect: readonly string[];
}

/** The environment can't be used. The message names every fault and no secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    const lines = faults.map(fault => `  ${fault.variable} ${fault.message}`);
    super([`The environment has ${count}:`, ...lines].join('\n'));
    this.faults = faults;
  }
}

/**
 * Reads and checks the whole environment.
 * @param env texts by name; an empty one counts as not given
 * @param readFile reads the file of a secret; may throw
 * @throws {ConfigError} with every fault at once
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): Config {
  const { texts, faults } = collectTexts(env, readFile);
  const parsed = environmentSchema.safeParse(Object.fromEntries(texts));
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0]);
    faults.push({ variable: name, message: `${shown(name, texts)}${issue.message}` });
  }
  faults.push(...contradictions(texts));
  if (!parsed.success || faults.length > 0) {
    throw new ConfigError(faults);
  }
  return deepFreeze(group(parsed.data, texts));
}

function group(env: Environment, texts: ReadonlyMap<string, string>): Config {
  return {
    http: {
      port: env.SWARM_UTILS_SERVER_PORT,
      webhookPort: env.SWARM_UTILS_WEBHOOK_PORT,
      trustProxy: env.SWARM_UTILS_TRUST_PROXY,
      authFailureLimit: env.SWARM_UTILS_AUTH_FAILURE_LIMIT,
      adminTokens: env.SWARM_UTILS_ADMIN_TOKEN_LIST ?? [],
    },
    providers: {
      webhookMasterKey: env.SWARM_UTILS_WEBHOOK_MASTER_KEY,
      oidcAudience: env.SWARM_UTILS_OIDC_AUDIENCE,
      oidcAllowInsecureIssuer: env.SWARM_UTILS_OIDC_ALLOW_INSECURE_ISSUER,
      githubOidcIssuer: env.SWARM_UTILS_GITHUB_OIDC_ISSUER,
      githubOrgName: env.SWARM_UTILS_GITHUB_ORG_NAME,
      githubOrgId: env.SWARM_UTILS_GITHUB_ORG_ID,
      githubOrgWebhookSecret: env.SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET,
      githubOrgOidcIssuer: env.SWARM_UTILS_GITHUB_ORG_OIDC_ISSUER,
      gitlabUrl: env.SWARM_UTILS_GITLAB_URL,
      gitlabOidcIssuer: env.SWARM_UTILS_GITLAB_OIDC_ISSUER,
      gitlabApiToken: env.SWARM_UTILS_GITLAB_API_TOKEN,
      gitlabSigningTokens: env.SWARM_UTILS_GITLAB_SIGNING_TOKENS,
    },
    engine: {
      helperImage: env.SWARM_UTILS_DOCKER_CLI_IMAGE_NAME,
      timeouts: {
        updateMs: env.SWARM_UTILS_UPDATE_SERVICE_TIMEOUT,
        pendingMs: env.SWARM_UTILS_PENDING_SERVICE_TIMEOUT,
        lockMs: env.SWARM_UTILS_LOCK_TIMEOUT,
        extraMs: env.SWARM_UTILS_EXTRA_TIMEOUT,
      },
      registries: registries(env),
      cleanService: {
        shell: env.SWARM_UTILS_CLEAN_SERVICE_EXEC_SHELL,
        execTimeoutMs: env.SWARM_UTILS_CLEAN_SERVICE_EXEC_TIMEOUT,
      },
      cleanNode: {
        timeoutMs: {
          container: env.SWARM_UTILS_CLEAN_NODE_CONTAINER_TIMEOUT,
          image: env.SWARM_UTILS_CLEAN_NODE_IMAGE_TIMEOUT,
          builder: env.SWARM_UTILS_CLEAN_NODE_BUILDER_TIMEOUT,
        },
        minAgeMs: {
          container: env.SWARM_UTILS_CLEAN_NODE_CONTAINER_MIN_AGE,
          image: env.SWARM_UTILS_CLEAN_NODE_IMAGE_MIN_AGE,
          builder: env.SWARM_UTILS_CLEAN_NODE_BUILDER_MIN_AGE,
        },
        createdMinAgeMs: env.SWARM_UTILS_CLEAN_NODE_CREATED_MIN_AGE,
        keep: env.SWARM_UTILS_CLEAN_NODE_IMAGE_KEEP ?? [],
        execTimeoutMs: env.SWARM_UTILS_CLEAN_SERVICE_EXEC_TIMEOUT,
      },
      backup: backup(env),
      backupImages: {
        offen: env.SWARM_UTILS_BACKUP_OFFEN_IMAGE,
        restic: env.SWARM_UTILS_BACKUP_RESTIC_IMAGE,
        rclone: env.SWARM_UTILS_BACKUP_RCLONE_IMAGE,
      },
    },
    cron: {
      expression: env.SWARM_UTILS_CRON_EXPR,
      timeZone: env.SWARM_UTILS_CRON_TZ,
      cleansServices: env.SWARM_UTILS_IS_CRON_CLEAN_SERVICE,
      cleansNodes: env.SWARM_UTILS_IS_CRON_CLEAN_NODE,
      backsUpServices: env.SWARM_UTILS_IS_CRON_BACKUP_SERVICE,
      parallel: env.SWARM_UTILS_PARALLEL_OPERATIONS,
    },
    docker: docker(env),
    dataDir: env.SWARM_UTILS_DATA_DIR,
    logLevel: env.SWARM_UTILS_LOG_LEVEL,
    secretValues: [...texts].flatMap(([name, text]) => variables.get(name)?.secretsIn(text) ?? []),
    withoutEffect: [...texts.keys()].filter(name => namesWithoutEffect.has(name)),
  };
}

function backup(env: Environment): EngineSettings['backup'] {
  return {
    shell: env.SWARM_UTILS_BACKUP_SERVICE_EXEC_SHELL,
    execTimeoutMs: env.SWARM_UTILS_BACKUP_SERVICE_EXEC_TIMEOUT,
    stopTimeoutMs: env.SWARM_UTILS_BACKUP_SERVICE_STOP_TIMEOUT,
    uploadTimeoutMs: env.SWARM_UTILS_BACKUP_SERVICE_VOLUME_LIST_UPLOAD_TIMEOUT,
    startTimeoutMs: env.SWARM_UTILS_BACKUP_SERVICE_START_TIMEOUT,
    verifyTimeoutMs: env.SWARM_UTILS_BACKUP_VERIFY_TIMEOUT,
    store: {
      s3: {
        url: env.SWARM_UTILS_S3_URL,
        isHttps: env.SWARM_UTILS_S3_HTTPS,
        bucket: env.SWARM_UTILS_S3_BUCKET,
        accessKey: env.SWARM_UTILS_S3_ACCESS_KEY,
        secretKey: env.SWARM_UTILS_S3_SECRET_KEY,
        certificateAuthority: env.SWARM_UTILS_S3_CA,
      },
      retentionDays: env.SWARM_UTILS_S3_RETENTION_DAYS,
      resticPassword: env.SWARM_UTILS_RESTIC_PASSWORD,
    },
  };
}

function registries(env: Environment): readonly RegistryCredentials[] {
  const { SWARM_UTILS_REGISTRY_URL: registry, SWARM_UTILS_REGISTRY_USER: username } = env;
  const password = env.SWARM_UTILS_REGISTRY_PASSWORD;
  return [
    ...(env.SWARM_UTILS_REGISTRY_AUTH ?? []),
    ...(registry && username && password ? [{ registry, username, password }] : []),
  ];
}

function docker(env: Environment): EngineConnection {
  const ca = env.SWARM_UTILS_DOCKER_TLS_CA;
  const cert = env.SWARM_UTILS_DOCKER_TLS_CERT;
  const key = env.SWARM_UTILS_DOCKER_TLS_KEY;
  const host = env.SWARM_UTILS_DOCKER_HOST;
  return ca === undefined ? { host } : { host, tls: { ca, ...(cert && { cert }), ...(key && { key }) } };
}

/** Variables that are right by themselves and wrong together. Looks at texts, so that a bad value hides none of them. */
function contradictions(texts: ReadonlyMap<string, string>): Fault[] {
  const faults: Fault[] = [];
  const needs = (variable: string, isMet: boolean, message: string) => {
    if (texts.has(variable) && !isMet) {
      faults.push({ variable, message });
    }
  };
  const org = 'SWARM_UTILS_GITHUB_ORG';
  for (const suffix of ['ID', 'WEBHOOK_SECRET', 'OIDC_ISSUER']) {
    needs(`${org}_${suffix}`, texts.has(`${org}_NAME`), `is set without ${org}_NAME`);
  }
  needs(
    `${org}_NAME`,
    texts.has(`${org}_WEBHOOK_SECRET`) || texts.has('SWARM_UTILS_OIDC_AUDIENCE'),
    `is set, but neither ${org}_WEBHOOK_SECRET (webhooks) nor SWARM_UTILS_OIDC_AUDIENCE (OIDC) is`,
  );
  for (const platform of ['GITHUB', 'GITHUB_ORG', 'GITLAB']) {
    const issuer = `SWARM_UTILS_${platform}_OIDC_ISSUER`;
    needs(issuer, texts.has('SWARM_UTILS_OIDC_AUDIENCE'), 'is set without SWARM_UTILS_OIDC_AUDIENCE');
  }
  const registry = ['URL', 'USER', 'PASSWORD'].map(suffix => `SWARM_UTILS_REGISTRY_${suffix}`);
  const missing = registry.filter(name => !texts.has(name));
  const first = registry.find(name => texts.has(name));
  if (first !== undefined && missing.length > 0) {
    faults.push({ variable: first, message: `is set without ${missing.join(' and ')}` });
  }
  const dockerTls = (part: string) => `SWARM_UTILS_DOCKER_TLS_${part}`;
  // Without the authority the Engine would be spoken to without TLS.
  for (const [part, other] of [
    ['CERT', 'KEY'],
    ['KEY', 'CERT'],
    ['CERT', 'CA'],
    ['KEY', 'CA'],
  ] as const) {
    needs(dockerTls(part), texts.has(dockerTls(other)), `is set without ${dockerTls(other)}`);
  }
  const isTcp = texts.get('SWARM_UTILS_DOCKER_HOST')?.startsWith('tcp://') ?? false;
  for (const part of ['CA', 'CERT', 'KEY']) {
    needs(dockerTls(part), isTcp, 'is set, but SWARM_UTILS_DOCKER_HOST is not a tcp:// address');
  }
  const port = texts.get('SWARM_UTILS_SERVER_PORT') ?? variables.get('SWARM_UTILS_SERVER_PORT')?.defaultText;
  needs(
    'SWARM_UTILS_WEBHOOK_PORT',
    texts.get('SWARM_UTILS_WEBHOOK_PORT') !== port,
    'is the same port as SWARM_UTILS_SERVER_PORT',
  );
  return [...faults, ...issuerFaults(texts)];
}

function issuerFaults(texts: ReadonlyMap<string, string>): Fault[] {
  const faults: Fault[] = [];
  const isInsecureAllowed = texts.get('SWARM_UTILS_OIDC_ALLOW_INSECURE_ISSUER') === 'true';
  const addresses = ['GITHUB_OIDC_ISSUER', 'GITHUB_ORG_OIDC_ISSUER', 'GITLAB_URL', 'GITLAB_OIDC_ISSUER'];
  for (const variable of addresses.map(name => `SWARM_UTILS_${name}`)) {
    if (texts.get(variable)?.startsWith('http://') && !isInsecureAllowed) {
      const message = 'must be https, or SWARM_UTILS_OIDC_ALLOW_INSECURE_ISSUER must be true';
      faults.push({ variable, message: `${shown(variable, texts)}${message}` });
    }
  }
  const gitlab = texts.has('SWARM_UTILS_GITLAB_OIDC_ISSUER')
    ? 'SWARM_UTILS_GITLAB_OIDC_ISSUER'
    : 'SWARM_UTILS_GITLAB_URL';
  for (const github of ['SWARM_UTILS_GITHUB_OIDC_ISSUER', 'SWARM_UTILS_GITHUB_ORG_OIDC_ISSUER']) {
    if (texts.has(gitlab) && texts.get(gitlab) === texts.get(github)) {
      faults.push({ variable: gitlab, message: `is the same issuer as ${github}` });
    }
  }
  return faults;
}

/** What was given, where it may be shown. */
function shown(name: string, texts: ReadonlyMap<string, string>): string {
  const text = texts.get(name);
  if (text === undefined || variables.get(name)?.isSecret !== false) {
    return '';
  }
  // An address may have been written with a password in it.
  const harmless = text.replace(/\/\/[^/]*@/, '//[redacted]@');
  return `is ${JSON.stringify(harmless.length > 100 ? `${harmless.slice(0, 100)}…` : harmless)}, `;
}

function deepFreeze<T>(value: T): T {
  // What is in a buffer can't be frozen.
  if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

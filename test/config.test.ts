import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { type Config, ConfigError, loadConfig } from '../src/config.ts';
import { namesWithoutEffect, variableGroups, variables } from '../src/config-variables.ts';
import { formatImagePattern } from '../src/core/image-policy.ts';
import { PlainToken } from '../src/core/plain-token.ts';

const MASTER_KEY = 'master-key-0123456789-0123456789-';

function load(env: Record<string, string>, files: Record<string, string> = {}): Config {
  return loadConfig(env, path => {
    const text = files[path];
    if (text === undefined) {
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    }
    return text;
  });
}

/** The lines of the message, one per fault. */
function faultsOf(env: Record<string, string>, files: Record<string, string> = {}): readonly string[] {
  try {
    load(env, files);
  } catch (error) {
    assert(error instanceof ConfigError);
    const lines = error.message.split('\n').slice(1);
    assert.equal(lines.length, error.faults.length);
    return lines.map(line => line.trim());
  }
  return [];
}

function assertFault(
  env: Record<string, string>,
  expected: RegExp,
  files: Record<string, string> = {},
): void {
  const faults = faultsOf(env, files);
  assert.equal(faults.length, 1, faults.join('\n') || 'no fault');
  assert.match(faults[0] ?? '', expected);
}

describe('loadConfig', () => {
  it('starts with nothing set: plain tokens of labels only', () => {
    const config = load({});
    assert.deepEqual(config.http, {
      port: 3000,
      webhookPort: undefined,
      trustProxy: false,
      authFailureLimit: 60,
      adminTokens: [],
    });
    const { backup: _backup, backupImages: _images, ...engine } = config.engine;
    assert.deepEqual(engine, {
      helperImage: 'docker:25.0.5-cli-alpine3.20',
      timeouts: { updateMs: 60_000, pendingMs: 20_000, lockMs: 10_000, extraMs: 10_000 },
      registries: [],
      cleanService: { shell: '/bin/sh', execTimeoutMs: 60_000 },
      cleanNode: {
        timeoutMs: { container: 60_000, image: 60_000, builder: 60_000 },
        minAgeMs: { container: 0, image: 0, builder: 0 },
        createdMinAgeMs: undefined,
        keep: [],
        execTimeoutMs: 60_000,
      },
    });
    assert.deepEqual(config.docker, { host: 'unix:///var/run/docker.sock' });
    assert.equal(config.dataDir, '/data');
    assert.equal(config.logLevel, 'info');
    assert.equal(config.providers.webhookMasterKey, undefined);
    assert.equal(config.providers.oidcAudience, undefined);
    assert.deepEqual([config.secretValues, config.withoutEffect], [[], []]);
  });

  it('is frozen to its depth', () => {
    const config = load({ SWARM_UTILS_ADMIN_TOKEN_LIST: 'a-long-token' });
    assert.throws(() => Object.assign(config.engine.timeouts, { lockMs: 1 }), TypeError);
    assert.throws(() => (config.http.adminTokens as unknown[]).push(1), TypeError);
  });

  it('ignores variables of others', () => {
    load({ PATH: '/bin', SWARM_UTIL: 'x', DOCKER_HOST: 'tcp://elsewhere:1' });
  });

  it('takes an empty text for a variable that is not set', () => {
    assert.equal(load({ SWARM_UTILS_SERVER_PORT: '', SWARM_UTILS_WEBHOOK_MASTER_KEY: '' }).http.port, 3000);
  });

  it('reads durations with and without underscores', () => {
    const config = load({ SWARM_UTILS_UPDATE_SERVICE_TIMEOUT: '600_000', SWARM_UTILS_LOCK_TIMEOUT: '5000' });
    assert.deepEqual([config.engine.timeouts.updateMs, config.engine.timeouts.lockMs], [600_000, 5000]);
  });

  it('reads what holds for every clean', () => {
    const { cleanService, cleanNode } = load({
      SWARM_UTILS_CLEAN_SERVICE_EXEC_SHELL: '/bin/bash',
      SWARM_UTILS_CLEAN_SERVICE_EXEC_TIMEOUT: '1_000',
      SWARM_UTILS_CLEAN_NODE_CONTAINER_TIMEOUT: '1',
      SWARM_UTILS_CLEAN_NODE_IMAGE_TIMEOUT: '2',
      SWARM_UTILS_CLEAN_NODE_BUILDER_TIMEOUT: '3',
      SWARM_UTILS_CLEAN_NODE_CONTAINER_MIN_AGE: '4',
      SWARM_UTILS_CLEAN_NODE_IMAGE_MIN_AGE: '31_536_000_000',
      SWARM_UTILS_CLEAN_NODE_BUILDER_MIN_AGE: '0',
      SWARM_UTILS_CLEAN_NODE_IMAGE_KEEP: 'ghcr.io/acme/*, alpine:3*',
    }).engine;
    assert.deepEqual(cleanService, { shell: '/bin/bash', execTimeoutMs: 1000 });
    assert.deepEqual(cleanNode.timeoutMs, { container: 1, image: 2, builder: 3 });
    assert.deepEqual(cleanNode.minAgeMs, { container: 4, image: 31_536_000_000, builder: 0 });
    assert.deepEqual(cleanNode.keep.map(formatImagePattern), [
      'ghcr.io/acme/*',
      'docker.io/library/alpine:3*',
    ]);
    const faults = faultsOf({
      SWARM_UTILS_CLEAN_NODE_IMAGE_MIN_AGE: '31_536_000_001',
      SWARM_UTILS_CLEAN_NODE_BUILDER_MIN_AGE: '-1',
      SWARM_UTILS_CLEAN_NODE_IMAGE_KEEP: 'Not An Image',
    });
    assert.equal(faults.length, 3);
  });

  it('names every fault at once, with what was given and what is expected', () => {
    const faults = faultsOf({
      SWARM_UTILS_SERVER_PORT: '80000',
      SWARM_UTILS_OIDC_ALLOW_INSECURE_ISSUER: 'yes',
      SWARM_UTILS_LOCK_TIMEOUT: '10s',
      SWARM_UTILS_WEBHOOK_MASTER_KEY: 'too-short',
      SWARM_UTILS_LOG_LEVL: 'debug',
      SWARM_UTILS_GITHUB_ORG_ID: '42',
    });
    assert.deepEqual(faults, [
      'SWARM_UTILS_LOG_LEVL is not a variable of swarm-utils: did you mean SWARM_UTILS_LOG_LEVEL?',
      'SWARM_UTILS_SERVER_PORT is "80000", must be a port number from 1 to 65535',
      'SWARM_UTILS_WEBHOOK_MASTER_KEY must be one line of at least 32 characters',
      'SWARM_UTILS_OIDC_ALLOW_INSECURE_ISSUER is "yes", must be `true` or `false`',
      'SWARM_UTILS_LOCK_TIMEOUT is "10s", must be milliseconds as a whole number from 1 to 604800000, `_` between digits allowed',
      'SWARM_UTILS_GITHUB_ORG_ID is set without SWARM_UTILS_GITHUB_ORG_NAME',
    ]);
  });

  it('says no more than a hundred characters of what was given, and no password of an address', () => {
    assertFault({ SWARM_UTILS_SERVER_PORT: '9'.repeat(500) }, /is "9{100}…", must/);
    const faults = faultsOf({ SWARM_UTILS_GITLAB_URL: 'https://user:hunter22@gitlab.example.com' });
    assert.deepEqual(
      faults.map(fault => [fault.includes('hunter22'), fault.includes('//[redacted]@gitlab')]),
      [[false, true]],
    );
  });

  it('refuses unknown names, and knows no name where nothing is near', () => {
    assertFault({ SWARM_UTILS_ADMIN_TOKENS_LIST: 'x' }, /did you mean SWARM_UTILS_ADMIN_TOKEN_LIST\?$/);
    assertFault(
      { SWARM_UTILS_ADMIN_TOKEN_LIST_FIL: 'x' },
      /did you mean SWARM_UTILS_ADMIN_TOKEN_LIST_FILE\?$/,
    );
    assertFault({ SWARM_UTILS_SOMETHING_ELSE_ENTIRELY: 'x' }, /^\S+ is not a variable of swarm-utils$/);
    assertFault(
      { SWARM_UTILS_SERVER_PORT_FILE: '/x' },
      /only secrets can be given as files, set SWARM_UTILS_SERVER_PORT$/,
    );
  });

  describe('every secret', () => {
    const names = [...variables].filter(([, variable]) => variable.isSecret).map(([name]) => name);

    it('is a secret by its name too, and nothing else is', () => {
      const secretLike = /TOKEN|SECRET|PASSWORD|KEY|_AUTH$|_TLS_|_CA$/;
      assert.deepEqual([...variables.keys()].filter(name => secretLike.test(name)).sort(), [...names].sort());
    });

    for (const name of names) {
      it(`can be given as ${name}_FILE, and is in no fault`, () => {
        // Of no secret a right value: two lines.
        const faults = faultsOf(
          { [`${name}_FILE`]: '/run/secrets/x' },
          { '/run/secrets/x': 'canary-1\ncanary-2' },
        );
        assert(
          faults.some(fault => fault.startsWith(`${name} must be `)),
          faults.join('\n'),
        );
        assert(!faults.join().includes('canary'));
      });
    }
  });

  it('strips one line end from the file of a secret', () => {
    for (const text of [MASTER_KEY, `${MASTER_KEY}\n`, `${MASTER_KEY}\r\n`]) {
      const config = load({ SWARM_UTILS_WEBHOOK_MASTER_KEY_FILE: '/key' }, { '/key': text });
      assert.equal(config.providers.webhookMasterKey, MASTER_KEY);
    }
    assertFault({ SWARM_UTILS_WEBHOOK_MASTER_KEY_FILE: '/key' }, /must be one line/, {
      '/key': `${MASTER_KEY}\n\n`,
    });
  });

  it('refuses a secret that is given twice, in a file that cannot be read, or in an empty one', () => {
    const file = { SWARM_UTILS_WEBHOOK_MASTER_KEY_FILE: '/key' };
    assertFault(
      { ...file, SWARM_UTILS_WEBHOOK_MASTER_KEY: MASTER_KEY },
      /_KEY and SWARM\S+_KEY_FILE are both set/,
    );
    assertFault(file, /_KEY_FILE names "\/key", which can't be read \(ENOENT\)$/);
    assertFault(file, /_KEY_FILE names "\/key", which is empty$/, { '/key': '\n' });
  });

  it('reads when what happens by itself, and refuses what never would', () => {
    assert.deepEqual(load({}).cron, {
      expression: '0 0 3 * * *',
      timeZone: 'UTC',
      cleansServices: true,
      cleansNodes: true,
      backsUpServices: true,
      parallel: 10,
    });
    const config = load({
      SWARM_UTILS_CRON_EXPR: '*/30  4 * * 1-5',
      SWARM_UTILS_CRON_TZ: 'Europe/Berlin',
      SWARM_UTILS_IS_CRON_CLEAN_SERVICE: 'false',
      SWARM_UTILS_IS_CRON_CLEAN_NODE: 'false',
      SWARM_UTILS_IS_CRON_BACKUP_SERVICE: 'false',
      SWARM_UTILS_PARALLEL_OPERATIONS: '1',
    });
    assert.deepEqual(config.cron, {
      expression: '*/30 4 * * 1-5',
      timeZone: 'Europe/Berlin',
      cleansServices: false,
      cleansNodes: false,
      backsUpServices: false,
      parallel: 1,
    });
    assertFault(
      { SWARM_UTILS_CRON_EXPR: '0 0 0 30 2 *' },
      /^SWARM_UTILS_CRON_EXPR is "0 0 0 30 2 \*", must be a cron/,
    );
    assertFault({ SWARM_UTILS_CRON_EXPR: 'daily' }, /^SWARM_UTILS_CRON_EXPR/);
    assertFault(
      { SWARM_UTILS_CRON_TZ: 'Mars/Phobos' },
      /^SWARM_UTILS_CRON_TZ is "Mars\/Phobos", must be a time zone/,
    );
    for (const wrong of ['0', '101', '1.5', '-1']) {
      assertFault({ SWARM_UTILS_PARALLEL_OPERATIONS: wrong }, /^SWARM_UTILS_PARALLEL_OPERATIONS/);
    }
  });

  it('accepts what has no effect yet, checks it, and names it', () => {
    const url = 'https://github.example.com/api/v3';
    const config = load({
      SWARM_UTILS_GITHUB_API_URL: url,
      SWARM_UTILS_GITHUB_API_TOKEN: 'a-secret-token',
    });
    assert.deepEqual(config.withoutEffect, ['SWARM_UTILS_GITHUB_API_URL', 'SWARM_UTILS_GITHUB_API_TOKEN']);
    assert.deepEqual(config.secretValues, ['a-secret-token']);
    assertFault({ SWARM_UTILS_GITHUB_API_URL: 'github' }, /must be an absolute https URL/);
    const documented = new Set(variableGroups.flatMap(group => Object.keys(group.variables)));
    assert.deepEqual(
      [...variables.keys()].filter(name => !documented.has(name)),
      [...namesWithoutEffect],
    );
  });
});

describe('credentials in the environment', () => {
  it('takes admin tokens as they are and as hashes', () => {
    const hash = createHash('sha256').update('second-token').digest('hex');
    const config = load({ SWARM_UTILS_ADMIN_TOKEN_LIST: `first-token, sha256:${hash}` });
    const matches = (text: string) =>
      config.http.adminTokens.map(token => new PlainToken(text).matches(token));
    assert.deepEqual(matches('first-token'), [true, false]);
    assert.deepEqual(matches('second-token'), [false, true]);
    assert.deepEqual(config.secretValues, ['first-token', `sha256:${hash}`]);
  });

  it('refuses admin tokens that are short, empty, broken or the placeholder', () => {
    for (const list of ['short', '...', 'long-enough,', ',long-enough', 'with white space', 'sha256:0123']) {
      assertFault(
        { SWARM_UTILS_ADMIN_TOKEN_LIST: list },
        /^SWARM_UTILS_ADMIN_TOKEN_LIST must be tokens with commas/,
      );
    }
  });

  it("refuses the seed's placeholder for a credential", () => {
    for (const name of ['SWARM_UTILS_S3_ACCESS_KEY', 'SWARM_UTILS_GITLAB_API_TOKEN']) {
      assertFault({ [name]: '...' }, /not the placeholder/);
    }
  });

  it('reads logins of several registries, and the single one after them', () => {
    const auth = Buffer.from('robot:pass:word').toString('base64');
    const config = load({
      SWARM_UTILS_REGISTRY_AUTH: JSON.stringify({
        auths: {
          'https://index.docker.io/v1/': { auth },
          'Registry.example.com:5000': { username: 'ci', password: 'secret-2', email: 'x@example.com' },
        },
        HttpHeaders: {},
      }),
      SWARM_UTILS_REGISTRY_URL: 'https://ghcr.io/',
      SWARM_UTILS_REGISTRY_USER: 'octo',
      SWARM_UTILS_REGISTRY_PASSWORD: 'secret-3',
    });
    assert.deepEqual(config.engine.registries, [
      { registry: 'docker.io', username: 'robot', password: 'pass:word' },
      { registry: 'registry.example.com:5000', username: 'ci', password: 'secret-2' },
      { registry: 'ghcr.io', username: 'octo', password: 'secret-3' },
    ]);
    assert.deepEqual([...config.secretValues].sort(), [auth, 'pass:word', 'secret-2', 'secret-3'].sort());
  });

  it('says what in a registry configuration it cannot use', () => {
    const registryAuth = (value: unknown) => ({ SWARM_UTILS_REGISTRY_AUTH: JSON.stringify(value) });
    assertFault({ SWARM_UTILS_REGISTRY_AUTH: '{' }, /must be a Docker `config.json`/);
    assertFault(registryAuth({ credsStore: 'x' }), /must be a Docker `config.json` with `auths`/);
    assertFault(
      registryAuth({ auths: {}, credHelpers: {} }),
      /has `credHelpers`: a credential helper can't be run/,
    );
    assertFault(registryAuth({ auths: { 'ghcr.io': {} } }), /has no user and password for ghcr.io/);
    assertFault(registryAuth({ auths: { 'ghcr.io': { auth: 'bm8tY29sb24=' } } }), /has no user and password/);
    assertFault(
      registryAuth({ auths: { 'ghcr.io': { auth: 'YTpi', identitytoken: 'x' } } }),
      /identity token/,
    );
    assertFault(registryAuth({ auths: { 'no host': { auth: 'YTpi' } } }), /"no host", which is not the host/);
    const hub = { auth: 'YTpi' };
    assertFault(registryAuth({ auths: { 'docker.io': hub, 'index.docker.io': hub } }), /docker\.io twice/);
  });

  it('refuses a part of the single registry, naming what is missing', () => {
    assertFault(
      { SWARM_UTILS_REGISTRY_USER: 'octo' },
      /^SWARM_UTILS_REGISTRY_USER is set without SWARM_UTILS_REGISTRY_URL and SWARM_UTILS_REGISTRY_PASSWORD$/,
    );
    const rest = { SWARM_UTILS_REGISTRY_USER: 'octo', SWARM_UTILS_REGISTRY_PASSWORD: 'secret' };
    for (const url of ['http://registry.example.com', 'registry', 'a b.example.com']) {
      assertFault({ ...rest, SWARM_UTILS_REGISTRY_URL: url }, /must be the host of a registry/);
    }
  });

  it('reads signing tokens of GitLab', () => {
    const tokens = {
      'acme/shop': 'whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=',
      acme: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    };
    const config = load({ SWARM_UTILS_GITLAB_SIGNING_TOKENS: JSON.stringify(tokens) });
    assert.deepEqual(config.providers.gitlabSigningTokens, tokens);
    assert.deepEqual(config.secretValues, Object.values(tokens));
    for (const [value, expected] of [
      ['[]', /must be JSON/],
      ['{}', /must be JSON/],
      ['{"acme/shop":"plain"}', /no token for acme\/shop that is `whsec_`/],
      ['{"acme shop":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}', /"acme shop", which is not the path/],
    ] as const) {
      assertFault({ SWARM_UTILS_GITLAB_SIGNING_TOKENS: value }, expected);
    }
  });
});

describe('providers in the environment', () => {
  it('wants an audience where an issuer is named', () => {
    for (const platform of ['GITHUB', 'GITLAB']) {
      const issuer = { [`SWARM_UTILS_${platform}_OIDC_ISSUER`]: 'https://id.example.com' };
      assertFault(issuer, /is set without SWARM_UTILS_OIDC_AUDIENCE$/);
      load({ ...issuer, SWARM_UTILS_OIDC_AUDIENCE: 'https://deploy.example.com' });
    }
  });

  it('wants a way to be identified by for the organisation, and the organisation for its settings', () => {
    assertFault({ SWARM_UTILS_GITHUB_ORG_NAME: 'acme' }, /neither SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET/);
    assertFault(
      { SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET: 'a-secret' },
      /without SWARM_UTILS_GITHUB_ORG_NAME$/,
    );
    const config = load({
      SWARM_UTILS_GITHUB_ORG_NAME: 'acme',
      SWARM_UTILS_GITHUB_ORG_ID: '42',
      SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET: 'a-secret',
    });
    assert.deepEqual([config.providers.githubOrgName, config.providers.githubOrgId], ['acme', '42']);
  });

  it('refuses addresses that could be read in two ways', () => {
    for (const url of [
      'gitlab.example.com',
      'https://gitlab.example.com/',
      'https://gitlab.example.com?x=1',
      'https://gitlab.example.com#x',
      'https://me@gitlab.example.com',
      'https://',
      'ftp://gitlab.example.com',
    ]) {
      assertFault({ SWARM_UTILS_GITLAB_URL: url }, /must be an absolute https URL/);
    }
    assert.equal(
      load({ SWARM_UTILS_GITLAB_URL: 'https://example.com:8443/gitlab' }).providers.gitlabUrl,
      'https://example.com:8443/gitlab',
    );
  });

  it('lets an issuer be http only when told so', () => {
    const gitlab = { SWARM_UTILS_GITLAB_URL: 'http://gitlab.internal' };
    assertFault(
      gitlab,
      /is "http:\/\/gitlab.internal", must be https, or SWARM_UTILS_OIDC_ALLOW_INSECURE_ISSUER/,
    );
    load({ ...gitlab, SWARM_UTILS_OIDC_ALLOW_INSECURE_ISSUER: 'true' });
  });

  it('refuses one issuer for two platforms', () => {
    assertFault(
      {
        SWARM_UTILS_OIDC_AUDIENCE: 'x',
        SWARM_UTILS_GITHUB_OIDC_ISSUER: 'https://id.example.com',
        SWARM_UTILS_GITLAB_OIDC_ISSUER: 'https://id.example.com',
      },
      /is the same issuer as SWARM_UTILS_GITHUB_OIDC_ISSUER$/,
    );
  });
});

describe('the rest of the environment', () => {
  it("reads Express' trust proxy", () => {
    for (const [text, expected] of [
      ['true', true],
      ['false', false],
      ['2', 2],
      ['loopback, 10.0.0.0/8,fd00::/8,192.0.2.1', 'loopback,10.0.0.0/8,fd00::/8,192.0.2.1'],
    ] as const) {
      assert.equal(load({ SWARM_UTILS_TRUST_PROXY: text }).http.trustProxy, expected);
    }
    for (const text of [
      'yes',
      '-1',
      '10.0.0.0/33',
      '10.0.0.0/8/8',
      'proxy.example.com',
      '10.0.0.0/',
      '::/129',
    ]) {
      assertFault({ SWARM_UTILS_TRUST_PROXY: text }, /must be `true`, `false`, the number of proxies/);
    }
  });

  it('reads where the Engine is', () => {
    const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
    const files = { '/ca': pem, '/cert': `${pem}\n`, '/key': pem };
    const part = (name: string) => ({ [`SWARM_UTILS_DOCKER_TLS_${name}_FILE`]: `/${name.toLowerCase()}` });
    const tcp = { SWARM_UTILS_DOCKER_HOST: 'tcp://manager.internal:2376' };
    assert.deepEqual(load({ ...tcp, ...part('CA') }, files).docker.tls, { ca: pem });
    assert.deepEqual(load({ ...tcp, ...part('CA'), ...part('CERT'), ...part('KEY') }, files).docker.tls, {
      ca: pem,
      cert: pem,
      key: pem,
    });
    assertFault(part('CA'), /is not a tcp:\/\/ address$/, files);
    assertFault(
      { ...tcp, ...part('CA'), ...part('KEY') },
      /_KEY is set without SWARM_UTILS_DOCKER_TLS_CERT$/,
      files,
    );
    assertFault({ ...tcp, ...part('CA') }, /must be PEM/, { '/ca': 'nonsense' });
    for (const host of [
      '/var/run/docker.sock',
      'tcp://manager',
      'tcp://manager:0',
      'ssh://manager',
      'unix://x',
    ]) {
      assertFault({ SWARM_UTILS_DOCKER_HOST: host }, /must be `unix:\/\/\/path\/of\/socket` or `tcp/);
    }
  });

  it('refuses one port for two servers, and an image that is none', () => {
    assertFault({ SWARM_UTILS_WEBHOOK_PORT: '3000' }, /is the same port as SWARM_UTILS_SERVER_PORT$/);
    assert.equal(load({ SWARM_UTILS_WEBHOOK_PORT: '3001' }).http.webhookPort, 3001);
    assertFault({ SWARM_UTILS_DOCKER_CLI_IMAGE_NAME: 'Not An Image' }, /must be an image reference/);
  });
});

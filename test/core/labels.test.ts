import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { providerNames } from '../../providers/provider.ts';
import { serviceLabelDefinitions } from '../../src/core/label-definitions.ts';
import { parseServiceLabels, type ServiceLabels } from '../../src/core/labels.ts';
import { actionNames } from '../../src/core/operation.ts';
import { PlainToken } from '../../src/core/plain-token.ts';
import type { Labels } from './examples.ts';

const prefix = 'swarm-utils.';

function parse(labels: Labels): ServiceLabels {
  return parseServiceLabels(
    Object.fromEntries(Object.entries(labels).map(([key, value]) => [prefix + key, value])),
  );
}

const faultsOf = (labels: Labels) => parse(labels).faults;
const grant: Labels = { 'update.github.repository': 'acme/shop', 'update.github.ref': 'refs/heads/main' };

suite('labels of the contract', () => {
  const right: Readonly<Record<string, string>> = {
    enable: 'true',
    token: 'secret',
    timeout: '60_000',
    cron: ' 0  3 * * 1-5 ',
    'github.repository': 'Acme/Shop',
    'github-org.repository': 'acme/*',
    'gitlab.repository': 'group/sub/project',
    'github.repository-id': '1, 2',
    'github-org.repository-id': '3',
    'gitlab.repository-id': '4',
    'github.ref': 'refs/heads/main, refs/tags/v*',
    'github-org.ref': 'refs/heads/*',
    'gitlab.ref': 'refs/heads/a/b',
    'github.environment': 'production',
    'github-org.environment': 'Über 1',
    'gitlab.environment': 'review/x',
    'github.event': 'push,pull_request',
    'github-org.event': 'workflow_dispatch',
    'gitlab.event': 'web',
    'github.workflow': 'acme/shop/.github/workflows/x.yml@refs/heads/main',
    'github-org.workflow': 'x',
    'gitlab.workflow': 'gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main',
    'github.on': 'package,registry_package,workflow_run,release,push,deployment',
    'github-org.on': 'push',
    'gitlab.on': 'pipeline,job,deployment,release,tag_push,push',
    'gitlab.ref-protected': 'false',
  };
  const special: Labels = {
    'update.image-allow': 'ghcr.io/acme/shop:v*, quay.io/acme/*',
    'update.image': 'ghcr.io/acme/shop:{short_sha}',
    'update.registry.auth': 'true',
    'update.registry.user': 'robot',
    'update.registry.password': 'secret',
    'update.registry.url': 'https://registry.example.com:5000/v2/',
    'update.exec-pre': 'echo "$HOME" && exit 0',
    'update.exec-pre.shell': '/bin/bash',
    'update.exec-pre.timeout': '1',
    'update.exec-post': 'true',
    'update.exec-post.shell': 'sh',
    'update.exec-post.timeout': '604800000',
    'update.exec-pre.user': '0',
    'update.exec-post.user': 'app:app',
    'clean.exec': 'rm -rf /tmp/*',
    'clean.exec.shell': '/bin/sh',
    'clean.exec.timeout': '60000',
    'clean.exec.user': 'www-data',
    'clean.exec.parallel': 'false',
    'backup.exec': 'pg_dump',
    'backup.exec.shell': '/bin/sh',
    'backup.exec.timeout': '600000',
    'backup.exec.user': '70:70',
    'backup.exec.required': 'false',
    'backup.stop': 'true',
    'backup.stop.timeout': '1',
    'backup.start.timeout': '1',
    'backup.volume-list-upload': 'volume1,volume_2.x',
    'backup.volumes.shared': 'true',
    'backup.volume-list-upload.timeout': '1',
    'backup.volume-list-upload.s3.url': 's3.example.com',
    'backup.volume-list-upload.s3.https': 'false',
    'backup.volume-list-upload.s3.access-key': 'a',
    'backup.volume-list-upload.s3.secret-key': 'b',
    'backup.volume-list-upload.s3.bucket': 'shop-backups',
    'backup.volume-list-upload.s3.retention-days': '8',
    'backup.engine': 'restic',
    'backup.target': 'local',
    'backup.verify': 'repository',
    'backup.verify.timeout': '60_000',
  };
  const every: Labels = {
    ...Object.fromEntries(
      actionNames.flatMap(action => Object.entries(right).map(([key, value]) => [`${action}.${key}`, value])),
    ),
    ...special,
  };

  test('are all here, and no others are defined', () => {
    assert.deepEqual(Object.keys(every).sort(), [...serviceLabelDefinitions.keys()].sort());
  });

  test('have no fault with right values', () => assert.deepEqual(faultsOf(every), []));

  test('are read for each action', () => {
    const labels = parse(every);
    for (const action of actionNames) {
      const { isEnabled, token, timeoutMs, cron, grants, faults } = labels[action];
      assert.equal(isEnabled, true);
      assert.equal(token && new PlainToken('secret').matches(token), true);
      assert.equal(timeoutMs, 60_000);
      assert.equal(cron, '0 3 * * 1-5');
      assert.deepEqual(faults, []);
      assert.deepEqual(
        grants.map(({ provider }) => provider),
        providerNames,
      );
      const [org, github, gitlab] = grants;
      assert.deepEqual(org?.repositories, ['acme/*']);
      assert.deepEqual(github, {
        provider: 'github',
        repositories: ['acme/shop'],
        repositoryIds: ['1', '2'],
        refs: ['refs/heads/main', 'refs/tags/v*'],
        environment: 'production',
        startedBy: ['push', 'pull_request'],
        isStartedByWritten: true,
        workflow: 'acme/shop/.github/workflows/x.yml@refs/heads/main',
        refProtected: false,
        on: ['package', 'registry_package', 'workflow_run', 'release', 'push', 'deployment'],
      });
      assert.equal(gitlab?.refProtected, false);
    }
    assert.deepEqual(labels.update.registry, {
      auth: true,
      user: 'robot',
      password: 'secret',
      url: 'https://registry.example.com:5000/v2/',
    });
    assert.deepEqual(labels.update.execPre, {
      script: 'echo "$HOME" && exit 0',
      shell: '/bin/bash',
      timeoutMs: 1,
      user: '0',
    });
    assert.equal(labels.update.image, 'ghcr.io/acme/shop:{short_sha}');
    assert.equal(labels.update.imageAllow?.length, 2);
  });

  test('have their defaults', () => {
    const { update } = parse({
      ...grant,
      'update.gitlab.repository-id': '1',
      'update.gitlab.environment': 'x',
    });
    const [github, gitlab] = update.grants;
    assert.equal(update.isEnabled, false);
    assert.equal(update.token, undefined);
    assert.equal(update.imageAllow, undefined);
    assert.deepEqual(github?.startedBy, ['push', 'workflow_dispatch', 'release']);
    assert.deepEqual(gitlab?.startedBy, ['push', 'web']);
    assert.equal(gitlab?.isStartedByWritten, false);
    assert.deepEqual(github?.on, []);
    assert.equal(github?.refProtected, false);
    assert.equal(gitlab?.refProtected, true);
    assert.deepEqual(parse({ 'update.exec-post': 'x' }).update.execPost, { script: 'x' });
    const { clean } = parse({ 'clean.exec': 'x' });
    assert.deepEqual(clean, {
      isEnabled: false,
      grants: [],
      isParallel: true,
      exec: { script: 'x' },
      faults: [],
    });
  });

  test('a clean that is on and has nothing to run is a fault', () => {
    const { clean, update } = parse({ 'clean.enable': 'true', 'update.enable': 'true' });
    const fault = {
      label: 'swarm-utils.clean.enable',
      value: 'true',
      message: 'does nothing without swarm-utils.clean.exec',
    };
    assert.deepEqual(clean.faults, [fault]);
    assert.deepEqual(update.faults, []);
    assert.deepEqual(faultsOf({ 'clean.enable': 'false' }), []);
    // A bad text is a fault of its own, which needs no second one.
    assert.equal(parse({ 'clean.enable': 'true', 'clean.exec': ' ' }).clean.faults.length, 1);
  });

  test('of others are none of our business', () => {
    assert.deepEqual(
      parseServiceLabels({
        'com.docker.stack.namespace': 'acme',
        'swarm-utils': 'x',
        'my-swarm-utils.update.token': 'x',
        'com.swarm-utils.update.token': 'x',
        'traefik.enable': 'maybe',
        'swarm-utils.helper': 'true',
      }).faults,
      [],
    );
  });
});

suite('a bad value is a fault that names label, value and what is right', () => {
  const bad: Readonly<Record<string, readonly string[]>> = {
    'update.enable': ['', ' ', 'True', 'TRUE', 'yes', '1', 'true ', ' true', 'true,false', 'null'],
    'update.timeout': [
      '',
      '0',
      '-1',
      '1.5',
      '1e3',
      '0x10',
      '604800001',
      '_1',
      '1_',
      '1__0',
      ' 1',
      '1s',
      '٣',
      '9'.repeat(400),
    ],
    'update.github.repository': [
      '',
      ',',
      'acme',
      'acme/',
      '/shop',
      'acme/shop,',
      'acme/*',
      '*',
      '*/shop',
      'acme/sh*p',
      'acme/shop*',
      'acme/shop/x',
      'acme shop/x',
      'https://github.com/acme/shop',
      'аcme/shop',
      'acme//shop',
    ],
    'update.github-org.repository': [
      '*',
      '*/*',
      'acme/*x',
      'acme/x*',
      'acme*',
      'ac*/x',
      'acme/**',
      'acme/shop/*',
      '/*',
    ],
    'update.gitlab.repository': ['acme', 'acme/*', 'acme/', '/acme/shop', 'acme//shop', '*'],
    'update.github.repository-id': ['', '0', '-1', '1.0', '01', '1,', 'x', '1 2', '9'.repeat(21), '１'],
    'update.github.ref': [
      '',
      'main',
      'heads/main',
      'refs/main',
      'refs/*',
      '*',
      'refs/heads/',
      'refs/tags//x',
      'refs/heads/*x',
      'refs/heads/a*b',
      'refs/heads/**',
      'refs/pull/1/merge',
      'refs/heads/a b',
      'refs/heads/main,',
      'Refs/heads/main',
      'refs/heads/a~1',
      'refs/heads/a^',
      'refs/heads/a:b',
      'refs/heads/a?',
      'refs/heads/[a]',
      'refs/heads/a\\b',
    ],
    'update.github.environment': ['', ' ', '\n\t'],
    'update.github.event': ['', 'push,', 'Push', 'pull-request', 'push;web', '*', 'push web'],
    'update.github.workflow': ['', ' '],
    'update.github.on': ['', 'Push', 'push,', 'pull_request', 'pipeline', '*', 'push;release'],
    'update.gitlab.on': ['package', 'workflow_run'],
    'update.gitlab.ref-protected': ['', 'no', '0'],
    'update.image-allow': [
      '',
      ',',
      'ghcr.io/*/shop',
      'ghcr.io/acme/shop:*x',
      'ghcr.io/acme/shop:',
      'ghcr.io/Acme/shop',
      '**',
      `ghcr.io/acme/shop@sha256:${'a'.repeat(64)}`,
      'a b',
      'x,',
    ],
    'update.image': [
      '',
      'ghcr.io/acme/shop:{sha',
      'ghcr.io/acme/shop:{Sha}',
      'ghcr.io/acme/shop:{actor}',
      '{sha}{',
      'a b',
      'ghcr.io/acme/shop:{constructor}',
    ],
    'update.registry.user': [''],
    'update.registry.url': [' '],
    'update.exec-pre': ['', ' \n'],
    'update.exec-pre.shell': [''],
    'update.exec-post.timeout': ['0'],
    'clean.exec.timeout': ['x'],
    'backup.exec.user': ['', '-u', '--user', 'a b', 'a:b:c', ':70', '70:', '$USER', 'a;b', '../root'],
    'backup.stop': ['x'],
    'backup.volume-list-upload': ['', 'a,', 'a/b', '../x', '-a', 'a b'],
    'backup.volume-list-upload.s3.https': ['1'],
    'backup.volume-list-upload.s3.retention-days': ['0', '-1', '1.5', '36501', '08', '5_0'],
    'backup.engine': ['Restic', 'borg', ''],
    'backup.target': ['S3', 'ftp', ''],
    'backup.verify': ['Data', 'none', ''],
    'backup.verify.timeout': ['0', 'x'],
  };
  for (const [key, values] of Object.entries(bad)) {
    test(key, () => {
      for (const value of values) {
        const faults = faultsOf({ ...grantBeside(key), [key]: value });
        assert.deepEqual(
          faults.map(({ label }) => label),
          [prefix + key],
          JSON.stringify(value),
        );
        const [fault] = faults;
        assert.equal(fault?.value, value.length > 200 ? `${value.slice(0, 200)}…` : value);
        assert.equal(fault?.message, `must be ${serviceLabelDefinitions.get(key)?.value.expects}`);
      }
    });
  }

  /** What keeps a grant from having a fault of its own. */
  function grantBeside(key: string): Labels {
    const [action, provider] = key.split('.');
    return providerNames.some(name => name === provider)
      ? {
          [`${action}.${provider}.repository`]: 'acme/shop',
          [`${action}.${provider}.ref`]: 'refs/heads/main',
        }
      : {};
  }

  test('values of secret labels are never shown', () => {
    const hash = 'A'.repeat(64);
    const faults = faultsOf({
      'update.token': `sha256:${hash}`,
      'clean.token': ' ',
      'update.registry.password': ' ',
      'backup.volume-list-upload.s3.access-key': '',
      'backup.volume-list-upload.s3.secret-key': '\t',
      // What Docker's config.json calls `auth` is user and password.
      'update.registry.auth': 'cm9ib3Q6Y2FuYXJ5',
    });
    assert.equal(faults.length, 6);
    for (const { value } of faults) {
      assert.equal(value, '[redacted]');
    }
    assert.doesNotMatch(JSON.stringify(faults), new RegExp(`${hash}|cm9ib3Q6Y2FuYXJ5`));
  });

  test('long values and keys are cut', () => {
    const faults = faultsOf({
      'update.enable': 'x'.repeat(1_000_000),
      [`update.${'y'.repeat(100_000)}`]: 'z',
    });
    assert.ok(JSON.stringify(faults).length < 2000);
  });
});

suite('an unknown label is a fault', () => {
  const meant: Readonly<Record<string, string>> = {
    'update.enabled': 'update.enable',
    'update.Enable': 'update.enable',
    'updaet.enable': 'update.enable',
    'update.image-alow': 'update.image-allow',
    'update.image_allow': 'update.image-allow',
    'update.execpre': 'update.exec-pre',
    'update.github.repo': 'update.github.ref',
    'update.github.refs': 'update.github.ref',
    'update.github.environmnt': 'update.github.environment',
    'update.gitlab.protected-ref': 'update.gitlab.ref-protected',
    'update.github_org.ref': 'update.github-org.ref',
    'backup.volumes-list-upload': 'backup.volume-list-upload',
  };
  for (const [key, nearest] of Object.entries(meant)) {
    test(`${key}: ${nearest} may be meant`, () => {
      const [fault, ...others] = faultsOf({ [key]: 'value' });
      assert.deepEqual(others, []);
      assert.equal(fault?.label, prefix + key);
      assert.equal(fault?.value, 'value');
      if (key !== 'update.gitlab.protected-ref' && key !== 'update.github.repo') {
        assert.equal(fault?.message, `is unknown (did you mean ${prefix}${nearest}?)`);
      }
    });
  }

  test('without a near one nothing is guessed', () => {
    const [fault] = faultsOf({ 'something.else.entirely': 'x' });
    assert.deepEqual(fault, {
      label: 'swarm-utils.something.else.entirely',
      value: 'x',
      message: 'is unknown',
    });
  });

  for (const key of [
    '',
    '.',
    '..',
    'update',
    'update.',
    'update..enable',
    'update.github',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'update.__proto__',
    'update.constructor',
    'update.github.__proto__',
    '__proto__.update.enable',
    'update.enable.',
    ' update.enable',
    'update.enable ',
    'UPDATE.ENABLE',
    'node.x',
    'update.github.ref-protected',
    'update.exec',
    'clean.container.enable',
  ]) {
    test(`swarm-utils.${key} is unknown, and changes nothing else`, () => {
      const raw = JSON.parse(JSON.stringify({ 'x.y': 'z' }).replace('x.y', prefix + key));
      const labels = parseServiceLabels(raw);
      assert.equal(labels.faults.length, 1);
      assert.equal(labels.faults[0]?.label, prefix + key);
      assert.equal(labels.update.isEnabled, false);
      assert.deepEqual(labels.update.grants, []);
      assert.equal(Object.getPrototypeOf(labels), Object.prototype);
      assert.equal(({} as Record<string, unknown>).y, undefined);
    });
  }

  test('a label map of its own prototype holds nothing', () => {
    const raw = Object.create({ 'swarm-utils.update.enable': 'true', 'swarm-utils.update.token': 'x' });
    const { update, faults } = parseServiceLabels(raw);
    assert.equal(update.isEnabled, false);
    assert.equal(update.token, undefined);
    assert.deepEqual(faults, []);
  });

  for (const key of [
    'update.tokn',
    'update.tkoen',
    'update.Token',
    'update.tokens',
    'update.github.token',
    'token',
    'apitoken',
    'update.admin_token_list',
    'update.registry.pass',
    'update.registry.passwd',
    'update.registry.pasword',
    'update.registry.passwort',
    'update.registry.pw.pwd',
    'update.registry.login.credentials',
    'update.registry.authconfig',
    'registry.password',
    'backup.s3.secret',
    'backup.s3.access_key',
    'backup.volume-list-upload.s3.accessKey',
    'backup.volume-list-upload.s3.secretkey',
    'backup.restic.password',
    'SECRET',
    `update.${'x'.repeat(200)}`,
  ]) {
    test(`the value of ${key.slice(0, 60)} may be a secret and is not shown`, () => {
      const faults = faultsOf({ [key]: 'canary-value' });
      assert.equal(faults.length, 1);
      assert.equal(faults[0]?.value, '[redacted]');
      assert.doesNotMatch(JSON.stringify(faults), /canary/);
    });
  }

  test('many huge labels are read in no time', () => {
    const labels = Object.fromEntries(
      Array.from({ length: 200 }, (_, index) => [`update.${index}${'x'.repeat(5000)}`, 'y'.repeat(5000)]),
    );
    const start = performance.now();
    assert.equal(faultsOf(labels).length, 200);
    assert.ok(performance.now() - start < 500);
  });
});

suite('grants', () => {
  test('need a repository and a ref or an environment', () => {
    const cases: readonly (readonly [Labels, readonly RegExp[]])[] = [
      [
        { 'update.github.repository': 'acme/shop' },
        [/without swarm-utils\.update\.github\.ref or .*environment/],
      ],
      [{ 'update.github.repository-id': '1' }, [/\.ref or/]],
      [{ 'update.github.ref': 'refs/heads/main' }, [/without .*\.repository or .*repository-id/]],
      [{ 'update.github.environment': 'x' }, [/\.repository or/]],
      [{ 'update.github.on': 'push' }, [/\.repository or/, /\.ref or/]],
      [{ 'update.github.event': 'push' }, [/\.repository or/, /\.ref or/]],
      [{ 'update.gitlab.ref-protected': 'false' }, [/\.repository or/, /\.ref or/]],
    ];
    for (const [labels, messages] of cases) {
      const { update, faults } = parse(labels);
      assert.deepEqual(update.grants, [], JSON.stringify(labels));
      assert.equal(faults.length, messages.length, JSON.stringify(faults));
      for (const [index, message] of messages.entries()) {
        assert.match(faults[index]?.message ?? '', message);
        assert.equal(faults[index]?.label, prefix + Object.keys(labels)[0]);
      }
    }
  });

  test('of one provider and action do not reach into another', () => {
    const { update, clean } = parse({
      'update.github.repository': 'a/b',
      'update.gitlab.ref': 'refs/heads/x',
      'clean.github.ref': 'refs/heads/x',
    });
    assert.deepEqual(update.grants, []);
    assert.deepEqual(clean.grants, []);
  });

  test('with a fault are void, and block nothing else', () => {
    for (const fault of [
      { 'update.github.event': 'Push' },
      { 'update.github.workflow': '' },
      { 'update.github.repository-id': 'x' },
      { 'update.github.on': 'pipeline' },
      { 'update.github.environmnt': 'production' },
      { 'update.github.workflw': 'x' },
      { 'update.github.ref-protected': 'true' },
      { 'update.github': 'acme/shop' },
    ]) {
      const labels = parse({
        ...grant,
        ...fault,
        'update.gitlab.repository': 'acme/shop',
        'update.gitlab.ref': 'refs/heads/main',
      });
      assert.equal(labels.faults.length, 1, JSON.stringify(fault));
      assert.deepEqual(
        labels.update.grants.map(({ provider }) => provider),
        ['gitlab'],
        JSON.stringify(fault),
      );
      assert.deepEqual(labels.update.faults, []);
    }
  });
});

suite('other faults block', () => {
  const blockedBy = (labels: Labels) => {
    const parsed = parse(labels);
    return actionNames.filter(action => parsed[action].faults.length > 0);
  };

  test('the action that they belong to, and with backups restores', () => {
    assert.deepEqual(blockedBy({ 'update.timeout': 'x' }), ['update']);
    assert.deepEqual(blockedBy({ 'backup.engine': 'x' }), ['backup', 'restore']);
    assert.deepEqual(blockedBy({ 'restore.timeout': 'x' }), ['restore']);
    assert.deepEqual(blockedBy({ 'clean.exce': 'x' }), ['clean']);
    assert.deepEqual(blockedBy({ 'update.githb.ref': 'x' }), ['update']);
  });

  test('every action where it can not be told to which they belong: what should limit one may be misspelt', () => {
    assert.deepEqual(blockedBy({ 'udpate.image-allow': 'ghcr.io/acme/shop:v*' }), actionNames);
    assert.deepEqual(blockedBy({ 'updat.github.ref': 'refs/heads/main' }), actionNames);
    assert.deepEqual(blockedBy({ 'image-allow': 'x' }), actionNames);
  });
});

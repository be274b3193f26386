import { grantLabels, type Stage, tokenLabels } from './stage.ts';

/** What a service's owner may write into its labels. */
export const labelSecrets = {
  'swarm-utils.update.token': 'canary-label-update-token-c1',
  'swarm-utils.clean.token': 'canary-label-clean-token-c2',
  'swarm-utils.backup.token': 'canary-label-backup-token-c3',
  'swarm-utils.restore.token': 'canary-label-restore-token-c4',
  'swarm-utils.update.registry.password': 'canary-label-registry-password-c5',
  'swarm-utils.backup.volume-list-upload.s3.access-key': 'canary-label-s3-access-key-c6',
  'swarm-utils.backup.volume-list-upload.s3.secret-key': 'canary-label-s3-secret-key-c7',
};
/** Secrets in labels that are none, each by a slip. */
export const misspelt = {
  'swarm-utils.update.tokne': 'canary-misspelt-token-d1',
  'swarm-utils.update.Token': 'canary-misspelt-token-d2',
  'swarm-utils.token': 'canary-misspelt-token-d3',
  'swarm-utils.updte.token': 'canary-misspelt-token-d4',
  'swarm-utils.update.registry.pasword': 'canary-misspelt-password-d5',
  'swarm-utils.update.registry.auth': 'canary-login-in-the-wrong-label-d6',
  'swarm-utils.backup.s3.secretkey': 'canary-misspelt-key-d7',
  'swarm-utils.backup.volume-list-upload.s3.secret_key': 'canary-misspelt-key-d8',
};

/**
 * Services for everything that can become of an update. Their tasks and hooks print what they are told to, as it is, as
 * base64 and percent-encoded.
 */
export async function createCanaryServices(
  { lab, services }: Stage,
  printed: readonly string[],
): Promise<void> {
  const token = tokenLabels(labelSecrets['swarm-utils.update.token']);
  const any = { ...token, 'swarm-utils.update.image-allow': '*' };
  const login = (password: string) => ({
    ...any,
    'swarm-utils.update.registry.auth': 'true',
    'swarm-utils.update.registry.user': lab.privateRegistry.username,
    'swarm-utils.update.registry.password': password,
    'swarm-utils.update.registry.url': lab.privateRegistry.address,
  });
  const env = Object.entries({
    LEAK: printed.join(' '),
    LEAK_ENCODED: printed.map(encodeURIComponent).join('&'),
    LEAK_BASIC: printed.map(secret => btoa(`user:${secret}`)).join(' '),
  }).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const print = 'for text in "$LEAK" "$LEAK_ENCODED" "$LEAK_BASIC"; do echo "leak: $text"; done';
  const hook = (text: string) => ({
    'swarm-utils.update.exec-pre': text,
    'swarm-utils.update.exec-post': text,
    'swarm-utils.clean.enable': 'true',
    'swarm-utils.clean.exec': text,
    'swarm-utils.clean.token': labelSecrets['swarm-utils.clean.token'],
  });
  const pushed = { ref: 'refs/heads/main', on: 'push' };
  // Whatever version it is, the first one works and the others print and crash.
  const command = `if [ "$APP_VERSION" = 1 ]; then exec app serve; fi; ${print}; exit 1`;
  const crash = ['--entrypoint', `sh -c '${command}'`];
  await Promise.all([
    services.create('hooks', {
      replicas: 3,
      labels: { ...labelSecrets, ...any, ...hook(`${print}; ${print} >&2; sleep 0.3`) },
      args: env,
    }),
    services.create('hook-fails', { labels: { ...any, ...hook(`${print} >&2; exit 3`) }, args: env }),
    services.create('crashes', { labels: any, args: [...env, ...crash] }),
    services.create('login-by-label', { replicas: 0, labels: login(lab.privateRegistry.password) }),
    services.create('login-by-environment', { replicas: 0, labels: any }),
    services.create('login-is-wrong', {
      replicas: 0,
      labels: login(labelSecrets['swarm-utils.update.registry.password']),
    }),
    services.create('login-is-missing', {
      replicas: 0,
      labels: { ...any, 'swarm-utils.update.registry.auth': 'true' },
    }),
    services.create('strict', { replicas: 0, labels: token }),
    services.create('image-is-missing', { replicas: 0, labels: any }),
    services.create('misspelt', { replicas: 0, labels: { ...any, ...misspelt } }),
    services.create('on-push', {
      replicas: 0,
      labels: grantLabels('github', { ...pushed, repository: 'mona/shop' }),
    }),
    services.create('on-gitlab', {
      replicas: 0,
      labels: grantLabels('gitlab', { ...pushed, on: 'push,job', repository: 'team/shop' }),
    }),
  ]);
}

import type { ImageConfig } from './image.ts';

/** The application that tests deploy, in every way an image can turn out. */
export const appVersions = ['1', '2', '3', 'crash', 'unhealthy', 'slow'] as const;
export type AppVersion = (typeof appVersions)[number];

const second = 1_000_000_000;

// What the versions are is in their configuration; they share every layer.
const behaviours: Readonly<Record<AppVersion, Pick<ImageConfig, 'Cmd' | 'Healthcheck'>>> = {
  1: { Cmd: ['app', 'serve'] },
  2: { Cmd: ['app', 'serve'] },
  3: { Cmd: ['app', 'serve'] },
  crash: { Cmd: ['app', 'crash'] },
  unhealthy: {
    Cmd: ['app', 'unhealthy'],
    Healthcheck: { Test: ['CMD', 'false'], Interval: second / 2, Timeout: second, Retries: 2 },
  },
  slow: {
    Cmd: ['app', 'slow'],
    Healthcheck: {
      Test: ['CMD', 'test', '-e', '/tmp/ready'],
      Interval: second / 2,
      Timeout: second,
      StartPeriod: 30 * second,
      Retries: 2,
    },
  },
};

/** The program of every version, as `/bin/app`. It serves `app VERSION` on port 8080. */
export const appScript = `#!/bin/sh
# Process 1 ignores the signals it has no handler for: without this one every rollout would wait for the kill.
status=0
trap 'echo "app $APP_VERSION stops"; exit $status' TERM INT
echo "app $APP_VERSION starts"
case $1 in
  crash)
    echo "app crash: reading the configuration"
    echo "app crash: FATAL cannot reach the database at db.internal:5432" >&2
    exit 1 ;;
  unhealthy)
    # The swarm takes a container that it stopped for its health, and that exits with 0, for complete, not failed.
    status=143 ;;
  slow)
    sleep 3 & wait $! ;;
esac
mkdir -p /tmp/www
echo "app $APP_VERSION" >/tmp/www/index.html
httpd -f -p 8080 -h /tmp/www &
touch /tmp/ready
echo "app $APP_VERSION listens on 8080"
wait $!
`;

/** The image configuration of a version. */
export function appConfig(version: AppVersion): ImageConfig {
  return { ...behaviours[version], Env: [`APP_VERSION=${version}`], ExposedPorts: { '8080/tcp': {} } };
}

import { newestKnownApiVersion, oldestUsableApiVersion } from './core/engine-api-version.ts';
import type { SeenEngine } from './engine/docker/engine-version.ts';
import type { Log } from './log.ts';

/** Says which Engine was seen, and what to do about one that can't be worked with. */
export function logEngine(log: Log, { release, apiVersion, support }: SeenEngine): void {
  const seen = { release, apiVersion };
  switch (support) {
    case 'known':
      log.info({ event: 'engine.seen', ...seen }, 'the Docker Engine');
      break;
    case 'newer':
      log.warn(
        { event: 'engine.newer', ...seen, newestKnown: newestKnownApiVersion },
        'the Docker Engine is newer than those that this swarm-utils was tested with, and is asked as the newest of them; ' +
          'see whether there is a newer swarm-utils',
      );
      break;
    case 'too_old':
      log.error(
        { event: 'engine.too_old', ...seen, oldestUsable: oldestUsableApiVersion },
        'the Docker Engine is too old: nothing can be done until it is upgraded to Docker 20.10 at least',
      );
      break;
    case 'too_new':
      log.error(
        { event: 'engine.too_new', ...seen, newestKnown: newestKnownApiVersion },
        'the Docker Engine does not speak any version of its API that this swarm-utils knows: nothing can be done until ' +
          'swarm-utils is upgraded',
      );
  }
}

import examples from '@octokit/webhooks-examples' with { type: 'json' };
import { webhookSecret } from '../../providers/webhook-secret.ts';
import type { Lab } from '../lab/lab.ts';
import { adnanhPath } from './adnanh.ts';
import type { ServerProcess } from './server-process.ts';

export const SECRET = 'the one secret of both programs';
const WRONG_SECRET = 'a secret of somebody else';
export const MASTER_KEY = 'master key of the benchmark, long enough';
/** Services of other projects that ask for pushes too: the swarm has to be asked, and each is decided. */
const OTHER_SERVICES = 20;

export type Kind = 'valid' | 'forged';

/** One way in which one program is asked. */
export interface Lane {
  readonly name: string;
  readonly kind: Kind;
  /** Adnanh's is what the others of its kind are compared with. */
  readonly program: 'adnanh' | 'swarm-utils';
  /** What it is judged as: configured as it comes, against adnanh's; absent: shown only. */
  readonly judged?: 'answered' | 'started';
  readonly server: ServerProcess;
  readonly path: string;
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly secret: string;
  readonly statuses: readonly number[];
}

const askedFor = 'Codertocat/Hello-World';
const notAskedFor = 'Codertocat/Other-World';

/** GitHub's own example of a push to a branch, as of that repository. */
function pushOf(fullName: string) {
  const pushes = (examples as unknown as readonly { name: string; examples: readonly Push[] }[]).find(
    ({ name }) => name === 'push',
  );
  const push = pushes?.examples.find(({ ref }) => ref === 'refs/heads/master');
  if (push === undefined) {
    throw new TypeError('The examples lack a push to refs/heads/master.');
  }
  const { owner } = push.repository;
  return {
    owner: owner.login,
    payload: { ...push, repository: { ...push.repository, full_name: fullName } },
  };
}

/** The owner of all repositories here. */
export const owner = pushOf(askedFor).owner;
export const payloadBytes = Buffer.byteLength(JSON.stringify(pushOf(askedFor).payload));

interface Push {
  readonly ref: string;
  readonly repository: { readonly full_name: string; readonly owner: { readonly login: string } };
}

/** None of them has tasks: what is measured is the way from a webhook to an accepted update. */
export async function createServices(lab: Lab): Promise<void> {
  const image = `${lab.images.app[1]}@${await lab.registry.digest('app:1')}`;
  const engine = lab.manager.engine();
  const create = (name: string, repository: string, provider: string) =>
    engine.createService({
      Name: name,
      Labels: {
        'swarm-utils.update.enable': 'true',
        [`swarm-utils.update.${provider}.repository`]: repository,
        [`swarm-utils.update.${provider}.ref`]: 'refs/heads/master',
        [`swarm-utils.update.${provider}.on`]: 'push',
      },
      TaskTemplate: { ContainerSpec: { Image: image } },
      Mode: { Replicated: { Replicas: 0 } },
      EndpointSpec: { Mode: 'dnsrr' },
    });
  await create('asked-for', askedFor, 'github-org');
  for (let number = 1; number <= OTHER_SERVICES; number++) {
    await create(`other-${number}`, `Codertocat/project-${number}`, number % 2 ? 'github' : 'github-org');
  }
}

export function makeLanes(
  adnanh: ServerProcess,
  ours: ServerProcess,
  unlimited: ServerProcess,
): readonly Lane[] {
  const asked = { event: 'push', payload: pushOf(askedFor).payload };
  const unasked = { event: 'push', payload: pushOf(notAskedFor).payload };
  const byAdnanh = { program: 'adnanh', server: adnanh, path: adnanhPath } as const;
  const org = { program: 'swarm-utils', server: ours, path: '/webhooks/github-org' } as const;
  const single = { ...org, path: '/webhooks/github' } as const;
  const valid = { kind: 'valid', secret: SECRET, statuses: [200] } as const;
  const derived = { ...valid, secret: webhookSecret(MASTER_KEY, 'github', notAskedFor) };
  const forged = { kind: 'forged', secret: WRONG_SECRET, ...asked } as const;
  const limited = { ...forged, judged: 'answered', statuses: [401, 429] } as const;
  const refused = { ...forged, server: unlimited, statuses: [401] } as const;
  return [
    { name: 'adnanh: runs /bin/true', ...byAdnanh, ...valid, ...asked },
    { name: 'github-org: of an event that starts nothing', ...org, ...valid, ...unasked, event: 'status' },
    { name: 'github-org: push that no service asks for', ...org, ...valid, ...unasked, judged: 'answered' },
    { name: 'github: push that no service asks for', ...single, ...derived, ...unasked, judged: 'answered' },
    {
      name: 'github-org: push that a service asks for',
      ...org,
      ...valid,
      ...asked,
      judged: 'started',
      statuses: [202],
    },
    { name: 'adnanh: each 500', ...byAdnanh, ...forged, statuses: [500] },
    { name: 'github-org: default limit, 429 after 60', ...org, ...limited },
    { name: 'github: default limit, 429 after 60', ...single, ...limited },
    { name: 'github-org: no limit, each 401 and logged', ...org, ...refused },
    { name: 'github: no limit, each 401 and logged', ...single, ...refused },
  ];
}

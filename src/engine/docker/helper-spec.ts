import type { HelperMount, HelperService } from '../../core/helper.ts';
import { helperLabel } from '../../core/label-reader.ts';
import { type HelperOptions, SwarmError } from '../swarm.ts';

/** Label of a helper's container: which of the makings of a helper it comes from. */
export const runLabel = `${helperLabel}.run`;

/** What a helper gets to end by itself once it is removed. */
const STOP_GRACE_NS = 3e9;
/** Read by its owner alone. */
const SECRET_MODE = 0o400;

/**
 * The spec of a helper: one task, on one node, never restarted, its output kept where the Engine can read it. Root owns
 * the Engine's socket, so most need no capability, and they write nothing but their output and their mounts.
 * @param run of this making of it alone
 * @throws SwarmError `rejected` for a value that the swarm would take for a template
 */
export function writeHelperSpec(
  helper: HelperService,
  { owner, secrets = [] }: HelperOptions,
  run: string,
): object {
  const { environment = {}, capabilities = [], hostname, isOnHostNetwork = false } = helper;
  refuseTemplates([environment, hostname, helper.mounts]);
  return {
    Name: helper.name,
    Labels: { [helperLabel]: owner },
    Mode: { Replicated: { Replicas: 1 } },
    TaskTemplate: {
      ContainerSpec: {
        Image: helper.image,
        Command: helper.command,
        Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
        ReadOnly: true,
        CapabilityDrop: ['ALL'],
        CapabilityAdd: capabilities,
        StopGracePeriod: STOP_GRACE_NS,
        ...(hostname !== undefined && { Hostname: hostname }),
        Labels: { [helperLabel]: owner, [runLabel]: run },
        Mounts: helper.mounts.map(writeMount),
        Secrets: secrets.map(({ id, name, path }) => ({
          SecretID: id,
          SecretName: name,
          File: { Name: path, UID: '0', GID: '0', Mode: SECRET_MODE },
        })),
      },
      Placement: { Constraints: [`node.id==${helper.nodeId}`] },
      RestartPolicy: { Condition: 'none', MaxAttempts: 0 },
      LogDriver: { Name: 'json-file' },
      ...(isOnHostNetwork && { Networks: [{ Target: 'host' }] }),
    },
  };
}

/** The swarm fills in templates here: https://docs.docker.com/reference/cli/docker/service/create/#create-services-using-templates */
function refuseTemplates(values: readonly unknown[]): void {
  if (JSON.stringify(values).includes('{{')) {
    throw new SwarmError('rejected', 'A name holds `{{`, which the swarm would take for a template.');
  }
}

function writeMount(mount: HelperMount): object {
  if (mount.type === 'scratch') {
    // A volume without a name goes with its container.
    return { Type: 'volume', Target: mount.target };
  }
  return { Type: mount.type, Source: mount.source, Target: mount.target, ReadOnly: mount.isReadOnly };
}

import { randomBytes } from 'node:crypto';
import { parseImageReference } from '../../core/image-reference.ts';
import type { ServiceJson, ServiceSpecJson } from '../engine-json.ts';
import { type Swarm, SwarmError } from '../swarm.ts';
import * as shapes from './answer-shapes.ts';
import type { Engine } from './engine.ts';
import { runLabel, writeHelperSpec } from './helper-spec.ts';
import { writeLogin } from './registry-login.ts';
import { changeImage, changeReplicas } from './service-spec.ts';
import { settleRemoval, settleWrite } from './settle-write.ts';

type ServiceWrites = Pick<Swarm, 'updateServiceImage' | 'scaleService' | 'createHelper' | 'removeService'>;

/** @param patienceMs how long a swarm that went away in the middle of a write is waited for, to see what became of it */
export function createServiceWrites(engine: Engine, patienceMs: number): ServiceWrites {
  const inspect = (id: string) =>
    engine.read({ path: `/services/${encodeURIComponent(id)}` }, shapes.service);

  /** @throws SwarmError `not_found`, `out_of_sequence` where somebody else's write took the place of ours */
  const findWrite = async (id: string, version: number, isOurs: (service: ServiceJson) => boolean) => {
    const now = await inspect(id);
    if (now.Version.Index === version) {
      return undefined;
    }
    if (!isOurs(now)) {
      throw new SwarmError('out_of_sequence', 'update out of sequence');
    }
    return true;
  };

  /** The Engine refuses another version than the newest, so a spec that was read before is of this one too. */
  const writeSpec = async (
    id: string,
    version: number,
    spec: object,
    login: object | undefined,
    isOurs: (service: ServiceJson) => boolean,
  ) => {
    const call = {
      path: `/services/${encodeURIComponent(id)}/update`,
      query: { version },
      body: spec,
      login,
    };
    const write = async () => {
      await engine.post(call);
      return true;
    };
    await settleWrite(write, () => findWrite(id, version, isOurs), patienceMs);
  };

  return {
    async updateServiceImage(serviceId, change, credentials) {
      const { exact, json } = await engine.readExactly(
        { path: `/services/${encodeURIComponent(serviceId)}` },
        shapes.service,
      );
      const { image, version, isForce } = change;
      // Without credentials the swarm keeps those that the spec was last written with, whatever registry they were for.
      const isOtherRegistry = registryOf(imageOf(json.Spec)) !== registryOf(image);
      const login = credentials === undefined && isOtherRegistry ? {} : writeLogin(credentials);
      const forceUpdate = forceOf(json.Spec) + (isForce ? 1 : 0);
      // Somebody else may have written it once more meanwhile.
      const isOurs = ({ Spec, PreviousSpec }: ServiceJson) =>
        [Spec, PreviousSpec].some(spec => spec && imageOf(spec) === image && forceOf(spec) === forceUpdate);
      await writeSpec(serviceId, version, changeImage(exact.Spec, change), login, isOurs);
    },

    async scaleService(serviceId, { replicas, version }) {
      const { exact } = await engine.readExactly(
        { path: `/services/${encodeURIComponent(serviceId)}` },
        shapes.service,
      );
      const changed = changeReplicas(exact.Spec, replicas);
      if (changed === undefined) {
        throw new SwarmError('rejected', 'Only a replicated service can be scaled.');
      }
      const isOurs = ({ Spec }: ServiceJson) => Spec.Mode?.Replicated?.Replicas === replicas;
      await writeSpec(serviceId, version, changed, undefined, isOurs);
      return (await inspect(serviceId)).Version.Index;
    },

    async createHelper(helper, options) {
      // Tells this one from one that an earlier run has left under the same name.
      const run = randomBytes(8).toString('hex');
      const body = writeHelperSpec(helper, options, run);
      const write = async () => {
        const login = writeLogin(options.credentials);
        return (await engine.write({ path: '/services/create', body, login }, shapes.created)).ID;
      };
      const find = async () => {
        const filters = JSON.stringify({ name: [helper.name] });
        const found = await engine.read({ path: '/services', query: { filters } }, shapes.services);
        return found.find(({ Spec }) => Spec.Name === helper.name && runOf(Spec) === run)?.ID;
      };
      return settleWrite(write, find, patienceMs);
    },

    async removeService(serviceId) {
      await settleRemoval(() => engine.remove({ path: `/services/${encodeURIComponent(serviceId)}` }));
    },
  };
}

function imageOf({ TaskTemplate }: ServiceSpecJson): string | undefined {
  return TaskTemplate.ContainerSpec?.Image;
}

function forceOf({ TaskTemplate }: ServiceSpecJson): number {
  return TaskTemplate.ForceUpdate ?? 0;
}

function runOf({ TaskTemplate }: ServiceSpecJson): string | undefined {
  return TaskTemplate.ContainerSpec?.Labels?.[runLabel];
}

function registryOf(image: string | undefined): string | undefined {
  return image === undefined ? undefined : parseImageReference(image)?.registry;
}

import { createRedactor } from '../core/redactor.ts';
import type { ServiceTarget } from '../core/target.ts';
import type { EngineWorld } from './steps/step-executor.ts';

/** For work on one service: what its containers and helpers print may hold the secrets that its own labels hold. */
export function withSecretsOf({ labels }: ServiceTarget, world: EngineWorld): EngineWorld {
  const { accessKey, secretKey } = labels.backup.s3;
  const secrets = [labels.update.registry.password, accessKey, secretKey];
  const redact = createRedactor(secrets.filter(secret => secret !== undefined));
  return { ...world, redact: text => redact(world.redact(text)) };
}

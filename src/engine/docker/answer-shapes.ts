import { z } from 'zod';
import type {
  ConfigJson,
  DistributionJson,
  InfoJson,
  NodeJson,
  SecretJson,
  ServiceJson,
  TaskJson,
} from '../engine-json.ts';

/** Whether an answer can be read as a T. What a shape does not name may be anything. */
export interface Shape<T> {
  /** @returns undefined where it can */
  faultOf(json: unknown): string | undefined;
  /** The type alone. */
  readonly of?: T;
}

function shape<T>(schema: z.ZodType): Shape<T> {
  return {
    faultOf(json) {
      const issue = schema.safeParse(json).error?.issues[0];
      return issue && `${issue.path.join('.') || 'the answer'}: ${issue.message}`;
    },
  };
}

const id = z.string().min(1);
const text = z.string();
const number = z.number();
// Go writes null for what is empty.
const labels = z.record(text, text).nullish();

const mountSchema = z.object({
  Type: text,
  Source: text.optional(),
  VolumeOptions: z
    .object({ DriverConfig: z.object({ Name: text.optional(), Options: labels }).nullish() })
    .nullish(),
});

const logDriverSchema = z.object({ Name: text.optional(), Options: labels });

const specSchema = z.object({
  Name: text,
  Labels: labels,
  TaskTemplate: z.object({
    ContainerSpec: z
      .object({
        Image: text,
        Labels: labels,
        Mounts: z.array(mountSchema).nullish(),
        StopGracePeriod: number.optional(),
      })
      .optional(),
    ForceUpdate: number.optional(),
    LogDriver: logDriverSchema.nullish(),
    RestartPolicy: z.object({ Condition: text.optional() }).optional(),
    Placement: z
      .object({ Constraints: z.array(text).nullish(), Platforms: z.array(z.object({})).nullish() })
      .optional(),
  }),
  Mode: z
    .object({
      Replicated: z.object({ Replicas: number.optional() }).optional(),
      Global: z.object({}).optional(),
      ReplicatedJob: z.object({}).optional(),
      GlobalJob: z.object({}).optional(),
    })
    .optional(),
  UpdateConfig: z.object({ FailureAction: text.optional(), Monitor: number.optional() }).optional(),
});

const serviceSchema = z.object({
  ID: id,
  Version: z.object({ Index: number }),
  CreatedAt: text,
  UpdatedAt: text,
  Spec: specSchema,
  PreviousSpec: specSchema.optional(),
  UpdateStatus: z
    .object({
      State: text.optional(),
      StartedAt: text.optional(),
      CompletedAt: text.optional(),
      Message: text.optional(),
    })
    .optional(),
});

const taskSchema = z.object({
  ID: id,
  // Of a network's own task there is none.
  ServiceID: text.optional(),
  Slot: number.optional(),
  NodeID: text.optional(),
  CreatedAt: text,
  DesiredState: text,
  Spec: z.object({
    ContainerSpec: z.object({ Image: text, StopGracePeriod: number.optional() }).optional(),
    ForceUpdate: number.optional(),
  }),
  Status: z.object({
    Timestamp: text,
    State: text,
    Message: text.optional(),
    Err: text.optional(),
    ContainerStatus: z.object({ ContainerID: text.optional(), ExitCode: number.optional() }).optional(),
  }),
});

const nodeSchema = z.object({
  ID: id,
  Spec: z.object({ Role: text, Availability: text, Labels: labels }),
  Description: z.object({
    Hostname: text,
    Platform: z.object({ Architecture: text.optional(), OS: text.optional() }).optional(),
    Engine: z.object({ EngineVersion: text.optional(), Labels: labels }).optional(),
  }),
  Status: z.object({ State: text, Addr: text.optional() }),
});

const keptSchema = z.object({
  ID: id,
  Spec: z.object({ Name: text, Labels: labels, Data: text.optional() }),
});

export const service = shape<ServiceJson>(serviceSchema);
export const services = shape<readonly ServiceJson[]>(z.array(serviceSchema));
export const task = shape<TaskJson>(taskSchema);
export const tasks = shape<readonly TaskJson[]>(z.array(taskSchema));
export const nodes = shape<readonly NodeJson[]>(z.array(nodeSchema));
export const secrets = shape<readonly SecretJson[]>(z.array(keptSchema));
export const configs = shape<readonly ConfigJson[]>(z.array(keptSchema));

/** Of a service; secrets and configs write it the same way. */
export const created = shape<{ readonly ID: string }>(z.object({ ID: id }));

export const container = shape<{
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> | null };
}>(z.object({ Config: z.object({ Labels: labels }) }));

export const info = shape<InfoJson>(
  z.object({
    DriverStatus: z.array(z.array(text)).nullish(),
    LoggingDriver: text.optional(),
    Swarm: z.object({ NodeID: id }),
  }),
);

export const distribution = shape<DistributionJson>(
  z.object({
    Descriptor: z.object({ digest: z.string().regex(/^[a-z0-9]+:[0-9a-f]+$/) }),
    Platforms: z.array(z.object({})).nullish(),
  }),
);

export const version = shape<{ readonly MinAPIVersion?: string }>(
  z.object({ MinAPIVersion: text.optional() }),
);

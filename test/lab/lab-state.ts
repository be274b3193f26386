import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LabEngine } from './lab-engine.ts';
import { type LabLayout, type LabShape, layoutLab } from './layout.ts';
import type { RegistryCredentials } from './registry-process.ts';

/** What a running lab's state file says. It is written once, when the lab is whole. */
export interface LabState extends LabShape {
  readonly engine: LabEngine;
  /** The folder that the nodes have their programs from, where it is not this machine. */
  readonly tree?: string | undefined;
  /** The swarm's node ids by node name. */
  readonly swarmNodeIds: Readonly<Record<string, string>>;
  readonly privateRegistry: RegistryCredentials;
  /** offen/docker-volume-backup in the open registry, where it could be pulled. */
  readonly offenImage?: string | undefined;
}

/** The state of an instance, or undefined where no lab was started, or none to its end. */
export async function readState(instance: number): Promise<LabState | undefined> {
  const { stateFile } = layoutLab({ instance, nodes: 1, managers: 1 });
  const text = await readFile(stateFile, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as LabState);
}

/** Writes the state, whole or not at all; only root can read it, for it has a password. */
export async function writeState(layout: LabLayout, state: LabState): Promise<void> {
  await mkdir(dirname(layout.stateFile), { recursive: true });
  await writeFile(`${layout.stateFile}.new`, JSON.stringify(state, undefined, 2), { mode: 0o600 });
  await rename(`${layout.stateFile}.new`, layout.stateFile);
}

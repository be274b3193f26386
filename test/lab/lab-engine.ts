import type Docker from 'dockerode';
import type { Flavour } from './flavours.ts';
import { LabError } from './lab-error.ts';

/** The Engine of a lab's nodes, as their daemons say. */
export interface LabEngine extends Flavour {
  /** `28.5.2+dfsg4` */
  readonly version: string;
  /** The newest version of its API: `1.51`. */
  readonly apiVersion: string;
}

/** Asks a daemon what it is. Throws `daemon-failed` where it keeps its images in another store than that of the flavour. */
export async function askEngine(daemon: Docker, flavour: Flavour): Promise<LabEngine> {
  const [version, info] = await Promise.all([daemon.version(), daemon.info()]);
  const status = (info as { DriverStatus?: readonly (readonly string[])[] }).DriverStatus ?? [];
  const isContainerd = status.some(([, value]) => value?.startsWith('io.containerd.snapshotter'));
  if (isContainerd !== (flavour.store === 'containerd')) {
    throw new LabError(
      'daemon-failed',
      `Docker ${version.Version} was to keep its images in the store ${flavour.store} and does not: ${JSON.stringify(status)}`,
    );
  }
  return { ...flavour, version: version.Version, apiVersion: version.ApiVersion };
}

/** `Docker 28.5.2 (API 1.51), images in containerd` */
export function describeEngine({ version, apiVersion, store }: LabEngine): string {
  const place = store === 'containerd' ? 'containerd' : 'the graph driver';
  return `Docker ${version} (API ${apiVersion}), images in ${place}`;
}

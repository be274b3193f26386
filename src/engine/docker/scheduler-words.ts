interface SchedulerWords {
  readonly words: RegExp;
  /** What the swarm says in so many words, by release. */
  readonly said: Readonly<Record<string, string>>;
  /** What helps. */
  readonly advice: string;
}

/**
 * Why the swarm finds no node for a task, in its words.
 * @see github.com/moby/swarmkit, manager/scheduler/filter.go (Explain)
 */
export const schedulerWords: readonly SchedulerWords[] = [
  {
    words: /nodes? not available for new tasks/,
    said: { '20.10 to 29': '1 node not available for new tasks; 2 nodes not available for new tasks' },
    advice: 'bring nodes back that are down, drained or paused',
  },
  {
    words: /insufficient resources/,
    said: { '20.10 to 29': 'insufficient resources on 3 nodes' },
    advice: 'make room, or lower what the service reserves',
  },
  {
    words: /scheduling constraints not satisfied/,
    said: { '20.10 to 29': 'scheduling constraints not satisfied on 3 nodes' },
    advice: 'give a node what the constraints of the service want, or change them',
  },
  {
    words: /unsupported platform/,
    said: { '20.10 to 29': 'unsupported platform on 3 nodes' },
    advice: 'bring a node back, or add one, of a platform that the image is for',
  },
  {
    words: /host-mode port already in use/,
    said: { '20.10 to 29': 'host-mode port already in use on 1 node' },
    advice: 'free the port, or let the old task stop first (`--update-order stop-first`)',
  },
  {
    words: /max replicas per node limit/,
    said: { '20.10 to 29': 'max replicas per node limit exceed' },
    advice:
      'add a node, raise `--replicas-max-per-node`, or let the old task stop first (`--update-order stop-first`)',
  },
  {
    words: /missing plugin/,
    said: { '20.10 to 29': 'missing plugin on 3 nodes' },
    advice: 'install the driver for its volumes, networks or logs on a node',
  },
  {
    words: /CSI volume/,
    said: { '23 to 29': 'cannot fulfill requested CSI volume mounts on 3 nodes' },
    advice: 'make the cluster volume available to a node',
  },
];

/**
 * What helps a task that the swarm finds no node for.
 * @param text what the swarm says of it: `no suitable node (insufficient resources on 1 node; …)`
 * @returns empty where nothing is known
 */
export function adviseOnScheduling(text: string): string {
  return schedulerWords
    .filter(({ words }) => words.test(text))
    .map(({ advice }) => advice)
    .join('; ');
}

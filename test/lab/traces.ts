import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { layoutLab } from './layout.ts';
import { findProgram } from './run-command.ts';

/**
 * Everything on this machine that belongs to an instance, a line each: processes (those of containers too),
 * namespaces, links, mounts, cgroups, packet filter rules, files. What the lab's test holds `down` to, found by
 * other means than `down` finds it by.
 */
export function tracesOf(instance: number): string[] {
  const { prefix, hostLink, stateDir, hostAddress } = layoutLab({ instance, nodes: 1, managers: 1 });
  const network = hostAddress.replace(/254$/, '');
  const mentions = (text: string) =>
    [`${prefix}/`, `${prefix}-`, `${stateDir}/`, network].some(mark => text.includes(mark));
  return [
    ...globSync('/proc/[0-9]*').flatMap(folder => {
      const [line, cgroup, state] = ['cmdline', 'cgroup', 'stat'].map(name =>
        readQuietly(`${folder}/${name}`),
      );
      const isMine = mentions(`${line}`) || mentions(`${cgroup}`);
      const isAlive = !/\) [ZX] /.test(`${state}`) && folder !== `/proc/${process.pid}`;
      return isMine && isAlive ? [`process ${folder} ${line?.replaceAll('\0', ' ')}`] : [];
    }),
    ...globSync(`/run/netns/${prefix}{,-*}`).map(path => `namespace ${path}`),
    ...Object.keys(networkInterfaces())
      .filter(name => name === hostLink)
      .map(name => `link ${name}`),
    ...`${readQuietly('/proc/mounts')}`
      .split('\n')
      .filter(line => mentions(line) || line.includes(`/run/netns/${prefix} `))
      .map(line => `mount ${line}`),
    ...globSync(`/sys/fs/cgroup/{,*/}${prefix}`).map(path => `cgroup ${path}`),
    ...execFileSync(findProgram('iptables-save') ?? 'false', { encoding: 'utf8' })
      .split('\n')
      .filter(mentions)
      .map(line => `rule ${line}`),
    ...globSync(stateDir).map(path => `files ${path}`),
  ];
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

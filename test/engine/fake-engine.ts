import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import type { HelperService } from '../../src/core/helper.ts';
import { askScript } from '../../src/engine/node-engine/script.ts';
import type { CommandAnswer, TestWorld } from './world.ts';

/** What the Engine of a node answers. Absent: 200 and an empty list. */
export interface EngineReply {
  readonly status?: number;
  readonly json?: unknown;
  readonly text?: string;
  /** It never answers, so the conversation is ended for its time. */
  readonly hangs?: boolean;
  /** It closes the connection instead of answering, and the Docker CLI says so. */
  readonly breaksOff?: boolean;
}

/** A request that was sent to the Engine. */
export interface AskedRequest {
  readonly helper: HelperService;
  /** `DELETE /images/shop:1?noprune=1`, percent-decoded. */
  readonly text: string;
  /** Of its conversation. */
  readonly seconds: number;
}

export type Engine = (text: string) => EngineReply;

/** What a helper that asks an Engine prints. */
export function carryAsk(
  helper: HelperService,
  engine: Engine,
  {
    apiVersion = '1.51',
    words = [],
  }: { readonly apiVersion?: string; readonly words?: readonly string[] } = {},
): CommandAnswer & { readonly asked: readonly AskedRequest[] } {
  assert.deepEqual(helper.command.slice(0, 4), ['/bin/sh', '-euc', askScript, 'sh']);
  const [mark = '', oldest, newest, , ...rest] = helper.command.slice(4);
  assert.deepEqual([oldest, newest], ['1.41', '1.51']);
  const asked: AskedRequest[] = [];
  const stdout = [`${mark} 0 0 ${apiVersion}`];
  const stderr = [mark];
  while (rest.length > 0) {
    const seconds = Number(rest.shift());
    const ask = (method: string | undefined, path: string | undefined) => {
      const text = `${method} ${decodeURIComponent(path ?? '')}`;
      asked.push({ helper, text, seconds });
      return engine(text);
    };
    const looks = rest.splice(0, Number(rest.shift()));
    const seen = looks.map(path => ask('GET', path)).map(({ json }) => JSON.stringify(json) ?? '');
    const answers: Buffer[] = [];
    let [sent, code, took] = ['', 0, 0];
    const count = Number(rest.shift());
    for (const [method, path, pattern = ''] of chunk(rest.splice(0, 3 * count), 3)) {
      const isSent = pattern === '' || seen.some(line => matches(line, pattern));
      sent += isSent ? 'y' : 'n';
      if (!isSent || code !== 0) {
        continue;
      }
      const reply = ask(method, path);
      if (reply.hangs || reply.breaksOff) {
        [code, took] = reply.hangs ? [137, seconds] : [1, 0];
        stderr.push(...(reply.breaksOff ? ['error during connect: unexpected EOF'] : []));
      } else {
        answers.push(writeAnswer(reply, answers.length % 2 === 1));
      }
    }
    const lines =
      gzipSync(Buffer.concat(answers))
        .toString('base64')
        .match(/.{1,4000}/g) ?? [];
    stdout.push(...lines, `${mark} ${code} ${took} ${sent}`);
    stderr.push(...words, mark);
  }
  return { stdout, stderr, asked };
}

/** Both ways in which an Engine says where an answer ends. */
function writeAnswer({ status = 200, json, text }: EngineReply, isChunked: boolean): Buffer {
  const body = Buffer.from(
    text ?? (status === 204 ? '' : `${JSON.stringify(json === undefined ? [] : json)}\n`),
  );
  const head = `HTTP/1.1 ${status} Words\r\nApi-Version: 1.51\r\nServer: Docker/28\r\n`;
  if (status === 204) {
    return Buffer.from(`${head}\r\n`);
  }
  return isChunked
    ? Buffer.concat([
        Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`),
        body,
        Buffer.from('\r\n0\r\n\r\n'),
      ])
    : Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body]);
}

/** As `grep` reads a basic regular expression, as far as these have any. */
function matches(line: string, pattern: string): boolean {
  return new RegExp(pattern.replaceAll('[^]]', '[^\\]]').replaceAll('{', '\\{')).test(line);
}

function chunk<T>(items: readonly T[], length: number): readonly (readonly T[])[] {
  return Array.from({ length: items.length / length }, (_, index) =>
    items.slice(index * length, (index + 1) * length),
  );
}

/** Replies by how the request begins: `GET /images/json`. The first that fits counts. */
export type Replies = Readonly<Record<string, EngineReply | ((text: string) => EngineReply)>>;

export interface ImageJson {
  readonly Id: string;
  readonly ParentId?: string;
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
  readonly Created?: number;
  readonly Size?: number;
}

export interface ContainerJson {
  readonly Id: string;
  readonly Names?: readonly string[];
  readonly ImageID?: string;
  readonly State?: string;
  readonly Created?: number;
  readonly SizeRw?: number;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly Mounts?: readonly object[];
}

export const idOf = (digit: string) => `sha256:${digit.repeat(64)}`;
export const containerIdOf = (digit: string) => digit.repeat(64);
const builtAt = Date.parse('2024-01-01T00:00:00Z') / 1000;

/** An image as a list has it. */
export function imageJson(digit: string, change: Partial<ImageJson> = {}): ImageJson {
  return {
    Id: idOf(digit),
    ParentId: '',
    RepoTags: [],
    RepoDigests: [],
    Created: builtAt,
    Size: 1_500_000,
    ...change,
  };
}

/** A container that has ended. */
export function containerJson(digit: string, change: Partial<ContainerJson> = {}): Required<ContainerJson> {
  return {
    Id: containerIdOf(digit),
    Names: [`/name-${digit}`],
    ImageID: idOf('0'),
    State: 'exited',
    Created: builtAt,
    SizeRw: 2000,
    Labels: {},
    Mounts: [],
    ...change,
  };
}

/** The Engine of a node that has images and containers, and lets go what is removed. */
export function createEngine(
  has: {
    readonly images?: readonly ImageJson[];
    readonly containers?: readonly ContainerJson[];
    readonly replies?: Replies;
  } = {},
): Engine {
  let images = [...(has.images ?? [])];
  let containers = [...(has.containers ?? [])];
  const isIdle = ({ State = '' }: ContainerJson) => ['created', 'exited', 'dead'].includes(State);
  const own: Replies = {
    'GET /containers/json?all=1&size=1': () => ({ json: containers.filter(isIdle) }),
    'GET /containers/json': () => ({ json: containers }),
    'GET /images/json': () => ({ json: images }),
    'GET /images/': text => {
      const { Id, RepoTags, RepoDigests } = images.find(({ Id: id }) => text.includes(id)) ?? {};
      return Id === undefined
        ? { status: 404, json: { message: 'No such image' } }
        : { json: { Id, RepoTags, RepoDigests, Parent: '' } };
    },
    'GET /info': { json: { DriverStatus: [['Backing Filesystem', 'extfs']] } },
    'GET /system/df?type=image': () => ({
      json: { LayersSize: images.reduce((sum, { Size = 0 }) => sum + Size, 0), Images: images },
    }),
    'GET /system/df?type=build-cache': { json: { BuildCache: [] } },
    'DELETE /containers/': text => {
      const id = text.slice('DELETE /containers/'.length);
      if (!containers.some(({ Id }) => Id === id)) {
        return { status: 404, json: { message: `No such container: ${id}` } };
      }
      containers = containers.filter(({ Id }) => Id !== id);
      return { status: 204 };
    },
    'DELETE /images/': text => {
      const name = text.slice('DELETE /images/'.length, -'?noprune=1'.length);
      const found = images.find(image => image.Id === name || namesOf(image).includes(name));
      if (found === undefined) {
        return { status: 404, json: { message: `No such image: ${name}` } };
      }
      const left = untag(found, name);
      images = images.flatMap(image => (image === found ? left : image));
      const untagged = name === found.Id ? [] : [{ Untagged: name }];
      return { json: [...untagged, ...(left.length === 0 ? [{ Deleted: found.Id }] : [])] };
    },
    'POST /build/prune': { json: { CachesDeleted: null, SpaceReclaimed: 1_500_000_000 } },
    'GET /volumes': { json: { Volumes: [], Warnings: null } },
  };
  return text => {
    const replies = { ...has.replies, ...own, ...has.replies };
    const key = Object.keys(replies).find(start => text.startsWith(start));
    const reply = key === undefined ? { status: 404, text: 'page not found' } : replies[key];
    return typeof reply === 'function' ? reply(text) : (reply ?? {});
  };
}

function namesOf({ RepoTags, RepoDigests }: ImageJson): readonly string[] {
  return [...(RepoTags ?? []), ...(RepoDigests ?? [])];
}

/** With the last tag of a repository its digests go too. */
function untag(image: ImageJson, name: string): readonly ImageJson[] {
  const tags = (image.RepoTags ?? []).filter(tag => tag !== name);
  const [repository] = name.split(/@|:(?=[^/]*$)/);
  const isLast =
    image.RepoTags?.includes(name) === true && !tags.some(tag => tag.startsWith(`${repository}:`));
  const digests = (image.RepoDigests ?? []).filter(
    digest => digest !== name && !(isLast && digest.startsWith(`${repository}@`)),
  );
  const left = { ...image, RepoTags: tags, RepoDigests: digests };
  return name === image.Id || namesOf(left).length === 0 ? [] : [left];
}

/**
 * Lets the helpers of a world ask an Engine.
 * @returns what it was asked, in order
 */
export function connectEngine(
  { swarm }: TestWorld,
  engine: Engine,
  options: Parameters<typeof carryAsk>[2] = {},
): readonly AskedRequest[] {
  const asked: AskedRequest[] = [];
  swarm.onHelper((service, _, helper) => {
    const answer = carryAsk(helper, engine, options);
    asked.push(...answer.asked);
    const task = swarm.addTask({
      serviceId: service.id,
      nodeId: helper.nodeId,
      state: 'complete',
      exitCode: 0,
    });
    swarm.setOutput(task.id, { stdout: answer.stdout ?? [], stderr: answer.stderr ?? [] });
  });
  return asked;
}

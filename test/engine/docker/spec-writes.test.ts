import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { createDockerodeSwarm } from '../../../src/engine/dockerode.ts';
import { parseTree, printTree, type Tree } from '../../fixtures/json-tree.ts';
import { createRandom } from '../../fixtures/seeded-random.ts';
import { json, sendAnswer, startStandInEngine } from '../../fixtures/stand-in-engine.ts';

const numbers = [
  '0',
  '1',
  '-1',
  '9007199254740992',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '18446744073709551615',
  '1152921504606846977',
  '1.0',
  '0.1',
  '100e-2',
  '1e21',
];
const keys = ['Limits', 'NanoCPUs', '1', '10', 'a b', '', '__proto__', 'constructor', 'ключ', '"', '\u0000'];
const texts = [
  '',
  'a',
  '9223372036854775807',
  '{{.Node.ID}}',
  '\u0000\u001f',
  '\u2028</script>',
  '😀',
  '"\\',
];

/** What of a spec is not changed. */
interface Rest {
  readonly container: Members;
  readonly template: Members;
  readonly replicated: Members;
  readonly spec: Members;
  readonly resources: Tree;
}
type Members = readonly (readonly [string, Tree])[];

function createRest(random: () => number): Rest {
  const pick = <T>(choices: readonly T[]): T =>
    choices[Math.floor(random() * choices.length)] ?? assert.fail();
  const some = <T>(make: () => T) => Array.from({ length: Math.floor(random() * 4) }, make);

  function anything(depth: number): Tree {
    const choice = random();
    if (choice < 0.45 || depth === 0) return { number: pick(numbers) };
    if (choice < 0.6) return { text: pick(texts) };
    if (choice < 0.7) return { word: pick(['true', 'false', 'null'] as const) };
    if (choice < 0.85) return { list: some(() => anything(depth - 1)) };
    return { object: members(depth - 1) };
  }
  function members(depth: number): Members {
    return [...new Set(some(() => pick(keys)))].map(key => [key, anything(depth)] as const);
  }
  return {
    container: members(3),
    template: members(3),
    replicated: members(2),
    spec: members(4),
    resources: anything(4),
  };
}

interface Changing {
  readonly image: string;
  readonly forceUpdate: string;
  readonly replicas: string;
}

function specOf({ image, forceUpdate, replicas }: Changing, rest: Rest): Tree {
  const container: Tree = { object: [['Image', { text: image }], ...rest.container] };
  const template: Tree = {
    object: [
      ['ContainerSpec', container],
      ['Resources', rest.resources],
      ['ForceUpdate', { number: forceUpdate }],
      ...rest.template,
    ],
  };
  const replicated: Tree = { object: [['Replicas', { number: replicas }], ...rest.replicated] };
  return {
    object: [
      ['Name', { text: 'shop' }],
      ['TaskTemplate', template],
      ['Mode', { object: [['Replicated', replicated]] }],
      ...rest.spec,
    ],
  };
}

/** Writes a service whose spec is a text. @returns the text that was written */
async function writeSpec(context: TestContext, specs: readonly string[], write: Write) {
  const engine = await startStandInEngine();
  context.after(() => engine.close());
  let current = '';
  engine.misbehave(({ method, path }) =>
    method === 'GET' && path === '/services/abc'
      ? response => {
          const service = `{"ID":"abc","Version":{"Index":7},"CreatedAt":"x","UpdatedAt":"x","Spec":${current}}`;
          sendAnswer(response, { ...json(200, null), body: Buffer.from(service) });
        }
      : undefined,
  );
  engine.services.set('abc', { ID: 'abc', Version: { Index: 7 }, Spec: {} });
  const swarm = createDockerodeSwarm({ host: engine.host });
  const written: string[] = [];
  for (const spec of specs) {
    current = spec;
    engine.services.set('abc', { ID: 'abc', Version: { Index: 7 }, Spec: {} });
    await write(swarm);
    written.push(engine.requests.findLast(({ method }) => method === 'POST')?.body ?? '');
  }
  return written;
}
type Write = (swarm: ReturnType<typeof createDockerodeSwarm>) => Promise<unknown>;

suite('a spec that is read, changed and written', () => {
  const before: Changing = {
    image: 'ghcr.io/acme/shop:1',
    forceUpdate: '18446744073709551614',
    replicas: '2',
  };
  const image = 'ghcr.io/acme/shop:2';
  const random = createRandom(20_261_122);
  const rests = Array.from({ length: 300 }, () => createRest(random));

  for (const [what, change, write] of [
    [
      'another image',
      { image },
      swarm => swarm.updateServiceImage('abc', { image, platforms: [], isForce: false, version: 7 }),
    ],
    [
      'another image by force',
      { image, forceUpdate: '18446744073709551615' },
      swarm => swarm.updateServiceImage('abc', { image, platforms: [], isForce: true, version: 7 }),
    ],
    ['other replicas', { replicas: '0' }, swarm => swarm.scaleService('abc', { replicas: 0, version: 7 })],
  ] as const satisfies readonly (readonly [string, Partial<Changing>, Write])[]) {
    test(`has ${what}, and all else digit by digit as it was`, async context => {
      const specs = rests.map(rest => printTree(specOf(before, rest)));
      const written = await writeSpec(context, specs, write);
      for (const [index, rest] of rests.entries()) {
        const expected = printTree(specOf({ ...before, ...change }, rest));
        assert.equal(printTree(parseTree(written[index] ?? '')), expected);
      }
    });
  }
});

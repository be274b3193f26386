import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { askEngine } from '../../../src/engine/node-engine/ask-engine.ts';
import type { Conversation, EngineRequest } from '../../../src/engine/node-engine/conversation.ts';
import { messageOf, readJson, readJsonUnlessGone } from '../../../src/engine/node-engine/read-answer.ts';
import { connectEngine, type Engine } from '../fake-engine.ts';
import { createWorld, secret } from '../world.ts';

const node = { id: 'node-1', hostname: 'worker-1' };
const get = (path: string): EngineRequest => ({ method: 'GET', path });
const talk = (...requests: readonly EngineRequest[]): Conversation => ({ requests, timeoutMs: 4200 });

function setUp(engine: Engine, options: Parameters<typeof connectEngine>[2] = {}) {
  const world = createWorld();
  const asked = connectEngine(world, engine, options);
  const ask = (...conversations: readonly Conversation[]) =>
    askEngine(world, node, { nameOf: index => `helper-${index}` }, conversations);
  return { world, asked, ask };
}

/** Lets the helper print this instead, where `MARK` stands for its mark. */
function setUpPrinting(stdout: readonly string[], stderr: readonly string[] = ['MARK', 'MARK']) {
  const world = createWorld();
  world.swarm.onHelper((service, swarm, { nodeId, command }) => {
    const task = swarm.addTask({ serviceId: service.id, nodeId, state: 'complete', exitCode: 0 });
    const write = (line: string) => line.replace('MARK', `${command[4]}`);
    swarm.setOutput(task.id, { stdout: stdout.map(write), stderr: stderr.map(write) });
  });
  return askEngine(world, node, { nameOf: () => 'helper' }, [talk(get('/a'))]);
}

const packed = (text: string) => gzipSync(text).toString('base64');

suite('the Engine of a node', () => {
  test('is asked in one helper, and answers in the order of the requests', async () => {
    const { asked, ask, world } = setUp(text => ({ json: { text } }));
    const exchanges = await ask(talk(get('/a'), get('/b?x=%20')), talk({ method: 'POST', path: '/c' }));
    const bodies = exchanges.map(({ answers }) =>
      answers.map(answer => answer.kind === 'answer' && JSON.parse(`${answer.body}`).text),
    );
    assert.deepEqual(bodies, [['GET /a', 'GET /b?x= '], ['POST /c']]);
    assert.deepEqual(
      asked.map(({ seconds }) => seconds),
      [5, 5, 5],
    );
    assert.equal(new Set(asked.map(({ helper }) => helper)).size, 1);
    assert.deepEqual([exchanges[0]?.nodeName, exchanges[0]?.apiVersion], ['worker-1', '1.51']);
    assert.equal(asked[0]?.helper.timeoutMs, 30_000);
    assert.equal((await world.swarm.listServices('swarm-utils.helper')).length, 0);
  });

  test('has no value of a request in the script, and no path with what would end a line', async () => {
    const { asked, ask } = setUp(() => ({}));
    await ask(talk(get('/volumes/%24(reboot)')));
    assert.ok(!asked[0]?.helper.command[2]?.includes('reboot'));
    for (const path of ['/a b', '/a\r\nDELETE /x', '/ä', '/a\n', 'a']) {
      await assert.rejects(ask(talk(get(path))), TypeError, path);
    }
  });

  test('does not get a request whose condition does not hold', async () => {
    const { asked, ask } = setUp(text => ({ json: text.startsWith('GET') ? { Id: 'x' } : [] }));
    const onlyIf = (pattern: string) => ({ onlyIf: { path: '/look', pattern } });
    const [exchange] = await ask(
      talk(
        { method: 'DELETE', path: '/held', ...onlyIf('{"Id":"y"') },
        { method: 'DELETE', path: '/sent', ...onlyIf('{"Id":"x"') },
      ),
    );
    assert.deepEqual(
      exchange?.answers.map(({ kind }) => kind),
      ['held_back', 'answer'],
    );
    assert.deepEqual(
      asked.map(({ text }) => text),
      ['GET /look', 'DELETE /sent'],
    );
    assert.equal(asked[0]?.helper.timeoutMs, 30_000, 'to look takes its time too');
  });

  test('that hangs is given up, and what it had answered counts', async () => {
    const { ask } = setUp(text => (text.endsWith('hang') ? { hangs: true } : {}));
    const [first, second] = await ask(talk(get('/a'), get('/hang'), get('/b')), talk(get('/c')));
    assert.deepEqual(
      first?.answers.map(({ kind }) => kind),
      ['answer', 'missing', 'missing'],
    );
    assert.deepEqual([first?.timedOutAfterMs, second?.timedOutAfterMs], [4200, undefined]);
    assert.equal(second?.answers[0]?.kind, 'answer');
  });

  test('that is asked for very much is asked by several helpers', async () => {
    const { asked, ask } = setUp(() => ({}));
    const path = `/${'x'.repeat(100_000)}`;
    const exchanges = await ask(...Array.from({ length: 5 }, () => talk(get(path))));
    assert.equal(exchanges.length, 5);
    assert.deepEqual(
      [...new Set(asked.map(({ helper }) => helper.name))],
      ['helper-0', 'helper-1', 'helper-2'],
    );
  });

  test('must be one that swarm-utils can speak with', async () => {
    await assert.rejects(setUp(() => ({}), { apiVersion: '1.40' }).ask(talk(get('/a'))), {
      code: 'helper_failed',
      message: /worker-1 speaks its API up to version 1\.40; 1\.41 .* Update Docker/,
    });
    const words = ['MARK', `Cannot connect to the Docker daemon of ${secret}`].reverse();
    await assert.rejects(setUpPrinting(['MARK 1 0 '], words), {
      name: 'EngineAskFailure',
      message: /worker-1 does not answer\. The Docker CLI says: Cannot connect .* \[redacted\]/,
    });
    const [exchange] = await setUp(() => ({}), { apiVersion: '1.99' }).ask(talk(get('/a')));
    assert.equal(exchange?.apiVersion, '1.99');
  });

  for (const [what, stdout] of [
    ['nothing', []],
    ['no mark', ['0 0 1.51', '0 0 y']],
    ['no exit code', ['MARK 0 0 1.51', 'MARK x 0 y']],
    ['nothing of the conversation', ['MARK 0 0 1.51']],
    ['too few letters', ['MARK 0 0 1.51', packed(''), 'MARK 0 0 ']],
    ['what is not packed', ['MARK 0 0 1.51', 'plain text', 'MARK 0 0 y']],
    ['half of what is packed', ['MARK 0 0 1.51', packed('x'.repeat(500)).slice(0, 20), 'MARK 0 0 y']],
    ['more than there is room for', ['MARK 0 0 1.51', packed('x'.repeat(40_000_000)), 'MARK 0 0 y']],
  ] as const) {
    test(`has not answered where the helper prints ${what}`, async () => {
      await assert.rejects(setUpPrinting(stdout), {
        code: 'helper_failed',
        message: /What the helper printed|more than 32 MiB/,
      });
    });
  }

  test('has answered nothing where what came is no HTTP', async () => {
    const [exchange] = await setUpPrinting(['MARK 0 0 1.51', packed('hello'), 'MARK 1 0 y']);
    assert.deepEqual(exchange?.answers, [{ kind: 'missing' }]);
  });
});

suite('an answer that the rest depends on', () => {
  const shape = z.object({ Name: z.string() });
  type Read = (...args: Parameters<typeof readJson<{ Name: string }>>) => { Name: string } | undefined;
  const read = async (reply: ReturnType<Engine>, by: Read = readJson) => {
    const [exchange] = await setUp(() => reply).ask(talk(get('/a')));
    assert.ok(exchange);
    return by(exchange, 0, shape, 'the thing');
  };

  test('is JSON of its shape', async () => {
    assert.deepEqual(await read({ json: { Name: 'x', more: [1] } }), { Name: 'x' });
  });

  test('of another shape is an error that says where', async () => {
    for (const [reply, place] of [
      [{ json: { Name: 7 } }, /Name: /],
      [{ json: [] }, /the thing cannot be read/],
      [{ text: '<html>' }, /the thing cannot be read/],
      [{ text: '' }, /the thing cannot be read/],
    ] as const) {
      await assert.rejects(read(reply), { code: 'helper_failed', message: place });
    }
  });

  test('with another status is an error with the words of the Engine', async () => {
    for (const [reply, words] of [
      [
        { status: 500, json: { message: 'no space left on device' } },
        /answers 500 .*: no space left on device$/,
      ],
      [{ status: 404, text: 'page not found\n' }, /answers 404 for the thing: page not found$/],
      [{ status: 503, json: { error: 1 } }, /answers 503 .*: \{"error":1\}$/],
    ] as const) {
      await assert.rejects(read(reply), { name: 'EngineAskFailure', message: words });
    }
  });

  test('that does not come is an error that says why', async () => {
    await assert.rejects(read({ hangs: true }), {
      name: 'EngineAskFailure',
      message: /longer than the time-out of 4200 ms\. It was asked for the thing\./,
    });
    await assert.rejects(read({ breaksOff: true }), { message: /The Docker CLI says: error during connect/ });
  });

  test('may say that the thing is not there', async () => {
    assert.equal(await read({ status: 404, json: { message: 'gone' } }, readJsonUnlessGone), undefined);
    assert.deepEqual(await read({ json: { Name: 'x' } }, readJsonUnlessGone), { Name: 'x' });
    await assert.rejects(read({ status: 500 }, readJsonUnlessGone), { name: 'EngineAskFailure' });
  });

  test('that refuses has a message that is cut', () => {
    const answer = (body: string) => ({ kind: 'answer', status: 409, body: Buffer.from(body) }) as const;
    assert.equal(messageOf(answer('{"message":"in use"}')), 'in use');
    assert.equal(messageOf(answer('{"message":7}')), '{"message":7}');
    assert.equal(messageOf(answer('x'.repeat(1000))).length, 500);
  });
});

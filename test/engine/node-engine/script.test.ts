import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { readHttpAnswers } from '../../../src/engine/node-engine/http-answers.ts';
import { askScript } from '../../../src/engine/node-engine/script.ts';

const mark = '3b6f7a52-mark';
const tools = ['cat', 'mkfifo', 'rm', 'timeout', 'tr', 'sed', 'grep', 'gzip', 'base64', 'fold', 'env', 'sh'];

const busybox = spawnSync('/bin/sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).stdout.trim();

/** The shells that this machine has: its own, and the one of most images, with all its tools. */
const shells: readonly (readonly [string, (bin: string) => readonly string[]])[] = [
  ['the shell of this machine', () => ['/bin/sh']],
  ...(busybox === '' ? [] : [['busybox', linkBusybox] as const]),
];

function linkBusybox(bin: string): readonly string[] {
  for (const tool of tools) {
    symlinkSync(busybox, join(bin, tool));
  }
  return [join(bin, 'sh')];
}

/** Stands in for the Docker CLI: carries its standard input to a socket, and back what comes. */
const dialStdio = `import { connect } from 'node:net';
const socket = connect(process.argv[2]);
process.stdin.pipe(socket);
socket.pipe(process.stdout);
socket.on('error', ({ message }) => { console.error('Cannot connect: ' + message); process.exit(1); });
socket.on('close', () => process.stdin.destroy());
`;

/** What is asked, and whether the other side had said meanwhile that it says no more. */
interface Asked {
  readonly text: string;
  readonly connection: number;
}

for (const [name, shellOf] of shells) {
  suite(`the script that asks an Engine, in ${name}`, () => {
    const root = mkdtempSync(join(tmpdir(), 'ask-'));
    const [bin, memory, socketPath] = ['bin', 'memory', 'engine.sock'].map(part => join(root, part)) as [
      string,
      string,
      string,
    ];
    const asked: Asked[] = [];
    let connections = 0;
    let halfClosed = 0;
    let version = '1.51';

    const answer: RequestListener = async (request, response) => {
      const { url = '', method } = request;
      asked.push({ text: `${method} ${url}`, connection: connections });
      response.setHeader('Api-Version', version);
      if (url.includes('/hang')) {
        return;
      }
      if (url.includes('/cut')) {
        response.destroy();
        return;
      }
      if (url.includes('/slow')) {
        await sleep(300);
      }
      const json = url.includes('/images/')
        ? {
            Id: 'sha256:aa',
            RepoTags: ['shop:1', 'r:5/x:2'],
            RepoDigests: [],
            Labels: { a: '"RepoTags":[]' },
          }
        : { url, long: 'x'.repeat(url.includes('/long') ? 300_000 : 3), text: 'ä\u2028 \\ "' };
      response.end(`${JSON.stringify(json)}\n`);
    };
    const server = createServer(answer);
    server.on('connection', socket => {
      connections += 1;
      socket.on('end', () => {
        halfClosed += 1;
      });
    });

    let shell: readonly string[] = [];
    before(async () => {
      mkdirSync(bin);
      mkdirSync(memory);
      shell = shellOf(bin);
      writeFileSync(join(root, 'dial.mjs'), dialStdio);
      const docker = `#!/bin/sh\n[ "$*" = "system dial-stdio" ] && exec "${process.execPath}" "${root}/dial.mjs" "${socketPath}"\n`;
      writeFileSync(join(bin, 'docker'), docker);
      chmodSync(join(bin, 'docker'), 0o755);
      await new Promise<void>(resolve => server.listen(socketPath, resolve));
    });
    after(() => server.close());

    async function run(...conversations: readonly string[]) {
      asked.length = 0;
      const [program = '', ...args] = shell;
      const script = askScript.replace('/dev/shm', memory);
      const child = spawn(
        program,
        [...args, '-euc', script, 'sh', mark, '1.41', '1.51', '5', ...conversations],
        { env: { PATH: `${bin}:/usr/bin:/bin` } },
      );
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', text => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', text => {
        stderr += text;
      });
      const code = await new Promise(resolve => child.on('close', resolve));
      const parts: { readonly text: string; readonly end: string }[] = [];
      let text = '';
      for (const line of stdout.split('\n').filter(each => each !== '')) {
        if (line.startsWith(mark)) {
          parts.push({ text, end: line.slice(mark.length + 1) });
          text = '';
        } else {
          text += line;
        }
      }
      const longest = Math.max(...stdout.split('\n').map(({ length }) => length));
      return { code, stderr, longest, ping: parts[0]?.end, parts: parts.slice(1) };
    }

    const bodiesOf = (text: string, count: number) =>
      readHttpAnswers(gunzipSync(Buffer.from(text, 'base64')), count).map(({ status, body }) => [
        status,
        JSON.parse(body.toString('utf8')).url,
      ]);

    test('carries requests in their order, one connection for each conversation', async () => {
      const { code, stderr, ping, parts } = await run(
        ...['5', '0', '2', 'GET', '/a?x=1', '', 'DELETE', '/b', ''],
        ...['5', '0', '1', 'POST', '/c', ''],
      );
      assert.equal(code, 0, stderr);
      assert.match(ping ?? '', /^0 \d+ 1\.51$/);
      assert.deepEqual(
        asked.map(({ text }) => text).filter(text => text !== 'HEAD /_ping'),
        ['GET /v1.51/a?x=1', 'DELETE /v1.51/b', 'POST /v1.51/c'],
      );
      assert.equal(new Set(asked.map(({ connection }) => connection)).size, 3);
      assert.match(parts[0]?.end ?? '', /^0 \d+ yy$/);
      assert.deepEqual(bodiesOf(parts[0]?.text ?? '', 2), [
        [200, '/v1.51/a?x=1'],
        [200, '/v1.51/b'],
      ]);
      assert.deepEqual(bodiesOf(parts[1]?.text ?? '', 1), [[200, '/v1.51/c']]);
      assert.equal(stderr.split('\n').filter(line => line === mark).length, 3);
    });

    test('keeps its side open until the answer is there, whatever time that takes', async () => {
      halfClosed = 0;
      const { parts } = await run('5', '0', '2', 'GET', '/slow', '', 'GET', '/slow', '');
      assert.deepEqual(bodiesOf(parts[0]?.text ?? '', 2).length, 2);
      assert.equal(halfClosed, 0);
    });

    test('brings long answers whole, in lines that no log driver cuts', async () => {
      const { parts, longest } = await run('5', '0', '1', 'GET', '/long', '');
      const [first] = readHttpAnswers(gunzipSync(Buffer.from(parts[0]?.text ?? '', 'base64')), 1);
      const json = JSON.parse(first?.body.toString('utf8') ?? '');
      assert.deepEqual([json.long.length, json.text], [300_000, 'ä\u2028 \\ "']);
      assert.ok(longest <= 4000);
    });

    test('sends a request only if a line of what it looked at matches', async () => {
      const look = ['1', '/images/aa/json'];
      const head = '{"Id":"sha256:aa","RepoTags":\\[';
      const { parts } = await run(
        ...['5', ...look, '6'],
        ...['DELETE', '/no-name', `${head}\\],"RepoDigests":\\[\\]`],
        ...['DELETE', '/shop', `${head}[^]]*"shop:1"`],
        ...['DELETE', '/x', `${head}[^]]*"r:5/x:2"`],
        ...['DELETE', '/other', `${head}[^]]*"shop:2"`],
        ...['DELETE', '/another-image', '{"Id":"sha256:bb"'],
        ...['GET', '/always', ''],
      );
      assert.match(parts[0]?.end ?? '', /^0 \d+ nyynny$/);
      assert.deepEqual(
        asked.map(({ text }) => text).filter(text => !/_ping|images/.test(text)),
        ['DELETE /v1.51/shop', 'DELETE /v1.51/x', 'GET /v1.51/always'],
      );
    });

    test('sends nothing when nothing matches', async () => {
      const { code, parts } = await run('5', '1', '/images/aa/json', '1', 'DELETE', '/x', 'nothing like it');
      assert.equal(code, 0);
      assert.match(parts[0]?.end ?? '', /^0 \d+ n$/);
      assert.ok(!asked.some(({ text }) => text.startsWith('DELETE')));
    });

    test('ends what takes too long, and goes on with the next', async () => {
      const { code, parts } = await run(
        ...['1', '0', '2', 'GET', '/a', '', 'GET', '/hang', ''],
        ...['1', '1', '/hang', '1', 'DELETE', '/x', 'x'],
        ...['5', '0', '1', 'GET', '/b', ''],
      );
      assert.equal(code, 0);
      assert.match(parts[0]?.end ?? '', /^137 [1-9] yy$/);
      assert.deepEqual(bodiesOf(parts[0]?.text ?? '', 2), [[200, '/v1.51/a']]);
      assert.match(parts[1]?.end ?? '', /^137 [1-9] n$/);
      assert.deepEqual(bodiesOf(parts[2]?.text ?? '', 1), [[200, '/v1.51/b']]);
    });

    test('sends none of what a broken connection left behind again', async () => {
      const { parts } = await run(
        ...['5', '0', '3', 'GET', '/cut', '', 'DELETE', '/left', '', 'DELETE', '/left', ''],
        ...['5', '0', '1', 'GET', '/b', ''],
      );
      assert.deepEqual(bodiesOf(parts[0]?.text ?? '', 3), []);
      assert.deepEqual(bodiesOf(parts[1]?.text ?? '', 1), [[200, '/v1.51/b']]);
      const last = Math.max(...asked.map(({ connection }) => connection));
      assert.deepEqual(
        asked.filter(({ connection }) => connection === last).map(({ text }) => text),
        ['GET /v1.51/b', 'HEAD /_ping'],
      );
    });

    test('sends more than a fifo holds', async () => {
      const paths = Array.from({ length: 100 }, (_, index) => `/n${index}?${'x'.repeat(2000)}`);
      const { parts } = await run('10', '0', '100', ...paths.flatMap(path => ['GET', path, '']));
      assert.equal(bodiesOf(parts[0]?.text ?? '', 100).length, 100);
    });

    test('asks at the version of an Engine that is older, and asks one that is too old for nothing', async () => {
      for (const [said, wanted] of [
        ['1.41', 'GET /v1.41/a'],
        ['1.44', 'GET /v1.44/a'],
        ['1.60', 'GET /v1.51/a'],
        ['1.40', undefined],
        ['1.5', undefined],
        ['', undefined],
        ['2.0', undefined],
        ['1.4x; echo', undefined],
      ] as const) {
        version = said;
        const { code, ping } = await run('5', '0', '1', 'GET', '/a', '');
        assert.equal(code, 0, said);
        assert.match(ping ?? '', /^0 \d+ /);
        assert.equal(ping?.endsWith(` ${said}`), true);
        assert.equal(
          asked.map(({ text }) => text).find(text => text.startsWith('GET')),
          wanted,
          said,
        );
      }
      version = '1.51';
    });

    test('says what the CLI says where nothing listens', async () => {
      await new Promise(resolve => server.close(resolve));
      const { code, ping, parts, stderr } = await run('5', '0', '1', 'GET', '/a', '');
      assert.deepEqual([code, parts], [0, []]);
      assert.match(ping ?? '', /^1 \d+ ?$/);
      assert.match(stderr, /Cannot connect: .*ENOENT/);
    });
  });
}

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readHttpAnswers } from '../../../src/engine/node-engine/http-answers.ts';

const read = (text: string, count = 1) =>
  readHttpAnswers(Buffer.from(text, 'latin1'), count).map(
    ({ status, body }) => `${status} ${body.toString('latin1')}`,
  );
const ok = 'HTTP/1.1 200 OK\r\n';

suite('answers of an Engine, one behind the other', () => {
  test('end where their length, their chunks or their status says', () => {
    const text = [
      `${ok}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
      'HTTP/1.1 204 No Content\r\nServer: Docker\r\n\r\n',
      `${ok}transfer-encoding: Chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n`,
      'HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nbusy',
      `${ok}Content-Length: 0\r\nConnection: close\r\n\r\n`,
    ].join('');
    assert.deepEqual(read(text, 5), ['200 {}', '204 ', '200 [1,2]', '409 busy', '200 ']);
    assert.deepEqual(read(text, 2), ['200 {}', '204 '], 'what comes after is not looked at');
  });

  test('hold bodies that look like answers', () => {
    const body = `${ok}Content-Length: 1\r\n\r\nx`;
    const text = `${ok}Content-Length: ${body.length}\r\n\r\n${body}${ok}Content-Length: 3\r\n\r\nend`;
    assert.deepEqual(read(text, 2), [`200 ${body}`, '200 end']);
  });

  test('of Go for what is no request end with the connection', () => {
    const text = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request';
    assert.deepEqual(read(text, 3), ['400 400 Bad Request']);
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['half a body', `${ok}Content-Length: 10\r\n\r\nhalf`],
    ['half a chunk', `${ok}Transfer-Encoding: chunked\r\n\r\na\r\nhalf`],
    ['chunks without the last', `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n`],
    ['a last chunk without its end', `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n`],
    ['a chunk that is longer than it says', `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n`],
    ['a chunk of a length that is none', `${ok}Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n`],
    [
      'a chunk of an absurd length',
      `${ok}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(20)}\r\nx\r\n0\r\n\r\n`,
    ],
    ['a body that does not say where it ends', `${ok}Server: Docker\r\n\r\nbody`],
    ['two lengths', `${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`],
    ['a length and chunks', `${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['another encoding', `${ok}Transfer-Encoding: gzip\r\n\r\nx`],
    ['a length that is none', `${ok}Content-Length: 1e1\r\n\r\n0123456789`],
    ['a negative length', `${ok}Content-Length: -1\r\n\r\nx`],
    ['another version', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['an answer that is not the last', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['a status that is none', 'HTTP/1.1 20x OK\r\nContent-Length: 0\r\n\r\n'],
    ['a header that is none', `${ok}Content-Length 0\r\n\r\n`],
    ['a folded header', `${ok}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
    ['a head without an end', `${ok}X: ${'x'.repeat(20_000)}\r\nContent-Length: 0\r\n\r\n`],
    ['words of something else', 'Cannot connect to the Docker daemon\r\n\r\n'],
  ] as const) {
    test(`are not read on from ${what}`, () => {
      assert.deepEqual(read(text), []);
      assert.deepEqual(read(`${ok}Content-Length: 1\r\n\r\n1${text}`, 2), ['200 1']);
    });
  }

  test('may be very many small chunks', () => {
    const text = `${ok}Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(300_000)}0\r\n\r\n`;
    assert.equal(read(text)[0]?.length, 300_004);
  });
});

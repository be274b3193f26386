import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { readAnswer, sendAll } from './load-client.ts';

describe('readAnswer', () => {
  it('waits for the end of the head and of the body', () => {
    assert.equal(readAnswer(Buffer.from('HTTP/1.1 200 OK\r\nContent-Le')), undefined);
    assert.equal(readAnswer(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab')), undefined);
  });

  it('knows the status of a whole answer', () => {
    assert.equal(readAnswer(Buffer.from('HTTP/1.1 401 Refused\r\nContent-Length: 2\r\n\r\nno')), 401);
    assert.equal(readAnswer(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length:0\r\nX: y\r\n\r\n')), 200);
  });

  it('refuses what it would misread', () => {
    assert.throws(() => readAnswer(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')));
    assert.throws(() => readAnswer(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc')));
  });
});

describe('sendAll', () => {
  it('sends every request once and counts the answers', async context => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(request.url ?? '');
      response.statusCode = request.url === '/3' ? 401 : 200;
      response.end('done');
    }).listen(0, '127.0.0.1');
    context.after(() => server.close());
    await once(server, 'listening');
    const requests = Array.from({ length: 7 }, (_, number) =>
      Buffer.from(`GET /${number} HTTP/1.1\r\nHost: x\r\n\r\n`),
    );
    const result = await sendAll((server.address() as AddressInfo).port, requests, 3);
    assert.deepEqual(seen.sort(), ['/0', '/1', '/2', '/3', '/4', '/5', '/6']);
    assert.deepEqual(result.statuses, { 200: 6, 401: 1 });
    assert.equal(result.latenciesMs.length, 7);
  });
});

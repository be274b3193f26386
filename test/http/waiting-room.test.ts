import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestError } from '../../src/core/errors.ts';
import { shopToken, startServer, type TestServer } from './start-server.ts';

/** Nothing more may wait, until the returned function is called. */
function fill({ operations }: TestServer): () => void {
  const { start, startAll } = operations;
  const refuse = () => {
    throw new RequestError('overloaded', 'Too many operations wait for this service. Try again later.');
  };
  Object.assign(operations, { start: refuse, startAll: refuse });
  return () => Object.assign(operations, { start, startAll });
}

test('a webhook for which there is no room is 503 and bound to nothing, so that it can be repeated', async context => {
  const server = await startServer(context);
  const empty = fill(server);
  const refused = await server.webhook({});
  assert.equal(refused.status, 503);
  assert.equal(refused.json.error.code, 'overloaded');
  assert.match(refused.json.error.message, /for this service/);
  assert.equal(refused.headers['retry-after'], '5');
  assert.equal(server.replay.bound.size, 0);
  empty();
  assert.equal((await server.webhook({})).status, 202);
  assert.equal(server.operations.starts.length, 1);
});

test('an update for which there is no room is 503, and its token can be used again', async context => {
  const server = await startServer(context);
  const empty = fill(server);
  const body = { serviceName: 'shop', token: shopToken };
  const refused = await server.update(body);
  assert.deepEqual([refused.status, refused.json.error.code], [503, 'overloaded']);
  assert.equal(refused.headers['retry-after'], '5');
  empty();
  assert.equal((await server.update(body)).status, 200);
});

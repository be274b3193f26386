import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Stage, tokenLabels } from './stage.ts';

const token = 'token-of-the-store-7f21';
const hashedToken = 'token-of-the-store-kept-as-a-hash-55';

/** Declares the tests of updates by plain and admin tokens, on services of their own. */
export function testUpdatesByToken(stageOf: () => Stage): void {
  describe('by token', () => {
    let stage: Stage;
    let tests = 0;
    /** With a tag and no digest, as pipelines name it. */
    let image: string;
    let digest: string;
    before(async () => {
      stage = stageOf();
      const { services } = stage;
      const sha256 = createHash('sha256').update(hashedToken).digest('hex');
      await Promise.all([
        services.create('store', { labels: tokenLabels(token) }),
        services.create('store-hashed', { labels: tokenLabels(`sha256:${sha256}`), replicas: 0 }),
        services.create('store-2', { labels: tokenLabels('token-of-another'), replicas: 0 }),
        services.create('stor', { labels: tokenLabels('token-of-yet-another'), replicas: 0 }),
        services.create('plain', { replicas: 0 }),
      ]);
    });
    beforeEach(async () => {
      // Each test has something new to deploy.
      tests += 1;
      digest = await stage.lab.registry.tag(tests % 2 === 0 ? 'app:3' : 'app:2', `app:new-${tests}`);
      image = stage.lab.registry.reference(`app:new-${tests}`);
    });

    const post = (body: object, credential?: string, headers?: Record<string, string>) =>
      stage.deployment.api.post('/api/update/service', body, credential, headers);

    test("the seed's own request deploys: the token in the body, an image with a tag, force or not", async () => {
      const changed = await stage.changedBy(async () => {
        const first = await post({ token, serviceName: 'store', image });
        assert.deepEqual([first.status, first.body.status], [200, 'succeeded']);
        const second = await post({ token, serviceName: 'store', image, isForce: false });
        assert.deepEqual([second.status, second.body.status], [200, 'unchanged']);
      });
      assert.deepEqual(changed, ['store']);
      assert.equal(await stage.services.image('store'), `${image}@${digest}`);
      const version = await stage.services.version('store');
      const forced = await post({ token, serviceName: 'store', image, isForce: true });
      assert.deepEqual([forced.status, forced.body.status], [200, 'succeeded']);
      assert.notEqual(await stage.services.version('store'), version);
      assert.deepEqual(await stage.services.runningImages('store'), [`${image}@${digest}`]);
    });

    test('the token in the Authorization header deploys, without an image whatever the tag has become', async () => {
      assert.equal((await post({ serviceName: 'store', image }, token)).status, 200);
      const tagged = image.slice(image.lastIndexOf('/') + 1);
      const newer = await stage.lab.registry.tag('app:1', tagged);
      const changed = await stage.changedBy(async () => {
        const { status, body } = await post({ serviceName: 'store' }, token);
        assert.equal(status, 200, JSON.stringify(body));
      });
      assert.deepEqual(changed, ['store']);
      assert.deepEqual(await stage.services.runningImages('store'), [`${image}@${newer}`]);
    });

    test('the token of a label that holds only its SHA-256 deploys, and the hash itself does not', async () => {
      const hash = createHash('sha256').update(hashedToken).digest('hex');
      for (const guess of [`sha256:${hash}`, hash]) {
        const refused = await stage.withoutEffect(() => post({ token: guess, serviceName: 'store-hashed' }));
        assert.equal(refused.status, 401);
      }
      const changed = await stage.changedBy(async () => {
        assert.equal((await post({ token: hashedToken, serviceName: 'store-hashed', image })).status, 200);
      });
      assert.deepEqual(changed, ['store-hashed']);
      assert.equal(await stage.services.image('store-hashed'), `${image}@${digest}`);
    });

    test("the admin's token deploys any enabled service, and any image", async () => {
      const { privateRegistry, images } = stage.lab;
      const expected = await privateRegistry.digest('app:2');
      const changed = await stage.changedBy(async () => {
        const { status, body } = await post(
          { serviceName: 'store-2', image: images.privateApp['2'] },
          stage.deployment.secrets.adminToken,
        );
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(body.caller.kind, 'admin');
      });
      assert.deepEqual(changed, ['store-2']);
      assert.equal(await stage.services.image('store-2'), `${images.privateApp['2']}@${expected}`);
    });

    test('a service that is not enabled is refused openly to who may, and hidden from others', async () => {
      const { adminToken } = stage.deployment.secrets;
      const toAdmin = await stage.withoutEffect(() => post({ serviceName: 'plain', image }, adminToken));
      assert.deepEqual([toAdmin.status, toAdmin.body.error.code], [422, 'action_not_enabled']);
      const toOther = await stage.withoutEffect(() => post({ serviceName: 'plain', image }, token));
      assert.deepEqual([toOther.status, toOther.body.error.code], [404, 'not_found']);
    });

    test('with waitRes=false the answer comes at once, and polling leads to the verdict', async () => {
      const { api } = stage.deployment;
      const accepted = await post({ token, serviceName: 'store', image, waitRes: false });
      assert.equal(accepted.status, 202);
      assert.match(accepted.body.status, /^(queued|running)$/);
      const path = `/api/operations/${accepted.body.id}`;
      assert.equal(accepted.headers.location, path);
      const seen = new Set<string>();
      for (let operation = accepted.body; !('finishedAt' in operation); ) {
        const answer = await api.get(path, token);
        assert.equal(answer.status, 200);
        operation = answer.body;
        seen.add(operation.status);
        await sleep(50);
      }
      assert.deepEqual([...seen].at(-1), 'succeeded');
      assert.deepEqual(await stage.services.runningImages('store'), [`${image}@${digest}`]);
      assert.equal((await api.get(path, 'token-of-another')).status, 404);
    });

    test('with waitRes=false the events of the operation lead to the verdict', async () => {
      const { api } = stage.deployment;
      const { body } = await post({ token, serviceName: 'store', image, waitRes: false });
      const stream = await api.get(`/api/operations/${body.id}/events`, token);
      assert.match(String(stream.headers['content-type']), /^text\/event-stream(;|$)/);
      assertStory(stream.text, digest);
      assert.deepEqual(await stage.services.runningImages('store'), [`${image}@${digest}`]);
      const afterwards = readEvents((await api.get(`/api/operations/${body.id}/events`, token)).text);
      assert.deepEqual(
        afterwards.map(({ event, data }) => [event, data.status]),
        [
          ['status', 'succeeded'],
          ['finished', 'succeeded'],
        ],
      );
    });

    test('an update that accepts text/event-stream streams its progress and ends with the verdict', async () => {
      const stream = await post({ token, serviceName: 'store', image }, undefined, {
        accept: 'text/event-stream',
      });
      assert.equal(stream.status, 200);
      assert.match(String(stream.headers['content-type']), /^text\/event-stream(;|$)/);
      assertStory(stream.text, digest);
      assert.deepEqual(await stage.services.runningImages('store'), [`${image}@${digest}`]);
    });

    test('a credential that is no one’s, and none at all, deploy nothing', async () => {
      const attempts = [
        () => post({ serviceName: 'store', image }),
        () => post({ serviceName: 'store', image, token: '' }),
        () => post({ serviceName: 'store', image }, `${token}x`),
        () => post({ serviceName: 'store', image, token: token.slice(0, -1) }),
        () =>
          post({ serviceName: 'store', image }, undefined, { authorization: `Basic ${btoa(`x:${token}`)}` }),
        () => post({ serviceName: 'store', image }, undefined, { authorization: token }),
      ];
      for (const attempt of attempts) {
        const { status, body } = await stage.withoutEffect(attempt);
        assert.deepEqual([status, body.error.code], [401, 'unauthorized']);
      }
      const two = await stage.withoutEffect(() =>
        post({ serviceName: 'store', image, token: 'token-of-another' }, token),
      );
      assert.equal(two.status, 400);
    });
  });
}

interface StreamedEvent {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: an event of the API
  readonly data: any;
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html */
function readEvents(text: string): readonly StreamedEvent[] {
  return text
    .split('\n\n')
    .filter(block => block.includes('data: '))
    .map(block => ({
      event: /^event: (.*)$/m.exec(block)?.[1] ?? '',
      data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? ''),
    }));
}

/** The state first, with the steps that there are by then; then steps as they begin and end, the verdict last. */
function assertStory(text: string, digest: string): void {
  const events = readEvents(text);
  assert.equal(events.at(0)?.event, 'status');
  const known = events.at(0)?.data.steps ?? [];
  const come = events.filter(({ event }) => event === 'step').map(({ data }) => data);
  const steps = [...known, ...come].map(({ name, status }) => [name, status]);
  assert.deepEqual(steps.slice(-2), [
    ['rollout', 'running'],
    ['rollout', 'succeeded'],
  ]);
  assert.ok(events.some(({ event, data }) => event === 'progress' && data.step === 'rollout'));
  assert.deepEqual(
    events.filter(({ event }) => event === 'finished').map(({ data }) => [data.status, data.image.digest]),
    [['succeeded', digest]],
  );
  assert.equal(events.at(-1)?.event, 'finished');
}

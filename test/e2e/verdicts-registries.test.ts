import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { connectLab } from '../lab/lab.ts';
import { type LoggingRegistry, startLoggingRegistry } from './logging-registry.ts';
import { openSession, type Session } from './session.ts';

const anyImage = { 'swarm-utils.update.image-allow': '*' };

const loginLabels = (url: string, user: string, password: string) => ({
  ...anyImage,
  'swarm-utils.update.registry.auth': 'true',
  'swarm-utils.update.registry.url': url,
  'swarm-utils.update.registry.user': user,
  'swarm-utils.update.registry.password': password,
});

describe('a registry', { timeout: 180_000 }, () => {
  let session: Session;
  /** Known to the environment, each with its login; the third is known to nobody. */
  let alpha: LoggingRegistry;
  let beta: LoggingRegistry;
  let gamma: LoggingRegistry;

  before(async () => {
    const lab = await connectLab(Number(process.env.SWARM_UTILS_LAB_INSTANCE));
    await lab.reset();
    alpha = await startLoggingRegistry(lab, 'alpha');
    beta = await startLoggingRegistry(lab, 'beta');
    gamma = await startLoggingRegistry(lab, 'gamma');
    const auths = Object.fromEntries(
      [alpha, beta].map(({ address, user, password }) => [
        address,
        { auth: Buffer.from(`${user}:${password}`).toString('base64') },
      ]),
    );
    session = await openSession(
      // For the lab's private registry the environment has a login that is none.
      { SWARM_UTILS_REGISTRY_USER: 'nobody' },
      { moreSecrets: { SWARM_UTILS_REGISTRY_AUTH: JSON.stringify({ auths }) } },
    );
  });
  after(async () => {
    await Promise.all([alpha, beta, gamma].map(registry => registry?.close()));
    await session.close();
  });

  /** An image in the private registry that no node has ever heard of. */
  const freshPrivateImage = async () => {
    const name = `fresh-${randomUUID()}:1`;
    await session.lab.privateRegistry.tag('app:2', name);
    return session.lab.privateRegistry.reference(name);
  };

  describe('that wants a login', { concurrency: 3 }, () => {
    test('gets the one of the labels, and so does every node that must pull', async () => {
      const { nodes, privateRegistry } = session.lab;
      const image = await freshPrivateImage();
      const { username, password, address } = privateRegistry;
      await session.create('private', { isGlobal: true, labels: loginLabels(address, username, password) });
      for (const node of nodes) {
        assert.notEqual((await node.docker(['pull', image])).exitCode, 0, `${node.name} needs no login`);
      }
      const { status, body, text } = await session.update('private', { image });
      assert.deepEqual([status, body.status], [200, 'succeeded'], text);
      await session.waitForImages('private', image, image, image);
      assert.ok(!text.includes(password));
    });

    test('and refuses the one of the environment changes nothing, and the answer says where to look', async () => {
      const image = await freshPrivateImage();
      await session.create('refused', { labels: anyImage });
      const version = await session.services.version('refused');
      const { status, body, text } = await session.update('refused', { image });
      assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'registry_unauthorized']);
      assert.match(body.error.message, /swarm-utils\.update\.registry\.\*.*SWARM_UTILS_REGISTRY_\*/);
      assert.equal(await session.services.version('refused'), version);
      assert.ok(!text.includes(session.lab.privateRegistry.password));
    });

    test('and refuses the password of the labels is not tried with another one', async () => {
      const { address, username } = session.lab.privateRegistry;
      await session.create('mistyped', { labels: loginLabels(address, username, 'canary-wrong-password') });
      const { status, body, text } = await session.update('mistyped', { image: await freshPrivateImage() });
      assert.deepEqual([status, body.error.code], [424, 'registry_unauthorized']);
      assert.ok(!text.includes('canary-wrong-password'));
    });

    test('and has none anywhere is the seed\'s error where "auth" is true: it is never asked', async () => {
      await session.create('without', {
        labels: { ...anyImage, 'swarm-utils.update.registry.auth': 'true' },
      });
      const { status, body } = await session.update('without', {
        image: session.lab.registry.reference('app:2'),
      });
      assert.deepEqual([status, body.error.code], [424, 'registry_credentials_missing']);
      assert.match(body.error.message, /there is no login for 10\..*:5000/);
      assert.match(body.error.message, /registry\.user, \.password and \.url.*SWARM_UTILS_REGISTRY_USER/);
    });

    test('gets its own of SWARM_UTILS_REGISTRY_AUTH and never that of another', async () => {
      for (const [name, registry] of Object.entries({ alpha, beta })) {
        const service = `of-${name}`;
        await session.create(service, { labels: anyImage });
        const image = `${registry.address}/app:2`;
        const { status, text } = await session.update(service, { image });
        assert.equal(status, 200, text);
        assert.match(String(await session.services.runningImages(service)), new RegExp(`^${image}@sha256:`));
      }
      assert.deepEqual([...new Set(alpha.logins)], [`${alpha.user}:${alpha.password}`]);
      assert.deepEqual(
        [...new Set(beta.logins)].filter(login => !login.startsWith('other:')),
        [`${beta.user}:${beta.password}`],
      );
    });

    test('prefers the labels to the environment', async () => {
      await session.create('preferring', { labels: loginLabels(beta.address, 'other', 'other-password') });
      const { status, body } = await session.update('preferring', { image: `${beta.address}/app:2` });
      assert.deepEqual([status, body.error.code], [424, 'registry_unauthorized']);
      assert.ok(beta.logins.includes('other:other-password'));
    });

    test('that nobody has a login for is sent none, whatever the labels hold for others', async () => {
      const image = `${gamma.address}/app:2`;
      await session.create('stranger', { labels: anyImage });
      await session.create('strange', { labels: loginLabels(alpha.address, alpha.user, alpha.password) });
      const open = await session.update('stranger', { image });
      assert.deepEqual([open.status, open.body.error.code], [424, 'registry_unauthorized']);
      assert.ok(gamma.requests() > 0, 'it was not asked at all');
      const labelled = await session.update('strange', { image });
      assert.deepEqual([labelled.status, labelled.body.error.code], [424, 'registry_credentials_missing']);
      assert.deepEqual(gamma.logins, []);
    });

    test('is sent none where the label says "auth=false"', async () => {
      await session.create('anonymous', {
        labels: { ...anyImage, 'swarm-utils.update.registry.auth': 'false' },
      });
      const { status, body } = await session.update('anonymous', { image: await freshPrivateImage() });
      assert.deepEqual([status, body.error.code], [424, 'registry_unauthorized']);
    });
  });

  test('that is down changes nothing, and the update succeeds once it is back', async () => {
    const { registry, images } = session.lab;
    await session.create('patient');
    const version = await session.services.version('patient');
    await registry.stop();
    try {
      const { status, body } = await session.update('patient', { image: images.app['2'] });
      assert.deepEqual([status, body.status, body.error.code], [424, 'failed', 'registry_unreachable']);
      assert.match(body.error.message, /could not be asked for the digest, so nothing was deployed/);
      assert.equal(await session.services.version('patient'), version);
    } finally {
      await registry.start();
    }
    const { status, text } = await session.update('patient', { image: images.app['2'] });
    assert.equal(status, 200, text);
  });
});

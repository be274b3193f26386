import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { RegistryFault } from '../../src/engine/docker/registry-words.ts';
import { connectLab } from '../lab/lab.ts';
import { type FaultyName, type FaultyRegistries, startFaultyRegistries } from './faulty-registries.ts';
import { openSession, type Session } from './session.ts';

/** What the Engine's words for each come to, whatever its release. */
const faults: Readonly<Record<FaultyName, readonly [RegistryFault, RegExp]>> = {
  refusing: ['registry_unreachable', /Nothing answers the manager there/],
  nameless: ['registry_unreachable', /finds no address for the name/],
  silent: ['registry_unreachable', /did not answer the manager in time/],
  selfSigned: ['registry_unreachable', /\/etc\/docker\/certs\.d\/10\.190\.[\d.]+:\d+\/ca\.crt/],
  misnamed: ['registry_unreachable', /does not name the address/],
  brokenTls: ['registry_unreachable', /ended the connection/],
  otherCiphers: ['registry_unreachable', /ended the connection/],
  plainHttp: ['registry_unreachable', /insecure-registries/],
  rateLimited: ['registry_unreachable', /limits how much is asked of it.*pull rate limit/],
  failing: ['registry_unreachable', /in trouble, or is no registry.*500/],
  webPage: ['registry_unreachable', /in trouble, or is no registry/],
  unknownManifest: ['image_not_found', /The registry does not have this image/],
  unknownName: ['image_not_found', /The registry does not have this image/],
  basicLogin: ['registry_unauthorized', /The registry refused the login/],
  bearerLogin: ['registry_unauthorized', /The registry refused the login/],
  deniedToken: ['registry_unauthorized', /The registry refused the login/],
  denied: ['registry_unauthorized', /The registry refused the login/],
  deniedAsUnknown: ['registry_unauthorized', /The registry refused the login/],
  unauthorizedAsUnknown: ['registry_unauthorized', /The registry refused the login/],
};

describe('what the Engine says of a registry', { concurrency: 2, timeout: 180_000 }, () => {
  let session: Session;
  let registries: FaultyRegistries;
  before(async () => {
    const lab = await connectLab(Number(process.env.SWARM_UTILS_LAB_INSTANCE));
    await lab.reset();
    registries = await startFaultyRegistries(lab);
    const auth = Buffer.from('someone:wrong-password-77').toString('base64');
    const auths = Object.fromEntries(
      Object.values(registries.images).map(image => [image.split('/', 1)[0], { auth }]),
    );
    session = await openSession(
      { SWARM_UTILS_UPDATE_SERVICE_TIMEOUT: '40000' },
      { moreSecrets: { SWARM_UTILS_REGISTRY_AUTH: JSON.stringify({ auths }) } },
    );
  });
  after(async () => {
    await registries?.close();
    await session.close();
  });

  for (const [service, hasLogin] of [
    ['with-a-login', true],
    ['without-a-login', false],
  ] as const) {
    test(`is understood, ${service.replaceAll('-', ' ')}, and nothing is written`, async () => {
      await session.create(service, {
        labels: {
          'swarm-utils.update.image-allow': '*',
          ...(!hasLogin && { 'swarm-utils.update.registry.auth': 'false' }),
        },
      });
      const version = await session.services.version(service);
      for (const [name, [code, message]] of Object.entries(faults)) {
        const image = registries.images[name as FaultyName];
        const { status, body, text } = await session.update(service, { image });
        assert.deepEqual([status, body.status, body.error?.code], [424, 'failed', code], `${name}: ${text}`);
        assert.match(body.error.message, message, name);
        assert.ok(body.error.message.includes(image), name);
        assert.ok(!text.includes('wrong-password-77'));
      }
      assert.equal(await session.services.version(service), version);
      await session.waitForImages(service, session.lab.images.app['1']);
    });
  }
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type CronSettings,
  commonEntry,
  commonServices,
  ownEntries,
  requestOfClock,
} from '../../src/core/schedule-entry.ts';
import { serviceTarget } from '../../src/core/target.ts';

const settings: CronSettings = {
  expression: '0 0 3 * * *',
  timeZone: 'UTC',
  cleansServices: true,
  cleansNodes: true,
  backsUpServices: true,
  parallel: 10,
};

/** A service; its labels without `swarm-utils.`. */
function service(name: string, labels: Readonly<Record<string, string>>) {
  const raw = Object.fromEntries(Object.entries(labels).map(([key, value]) => [`swarm-utils.${key}`, value]));
  return serviceTarget({ id: `${name}-id`, name, image: 'shop:1', labels: raw });
}

const clean = { 'clean.enable': 'true', 'clean.exec': 'true' };

suite('the common run', () => {
  test('cleans services, then nodes, then backs up', () => {
    assert.deepEqual(commonEntry(settings), {
      key: 'common',
      expression: '0 0 3 * * *',
      phases: [
        { action: 'clean', targetKind: 'service' },
        { action: 'clean', targetKind: 'node' },
        { action: 'backup', targetKind: 'service' },
      ],
    });
  });

  test('leaves out what is turned off, and is none when all is', () => {
    const phases = commonEntry({ ...settings, cleansNodes: false, backsUpServices: false })?.phases;
    assert.deepEqual(phases, [{ action: 'clean', targetKind: 'service' }]);
    const off = { cleansServices: false, cleansNodes: false, backsUpServices: false };
    assert.equal(commonEntry({ ...settings, ...off }), undefined);
  });

  test('is for services whose labels want the action and name no time for it', () => {
    const services = [
      service('cleaned', clean),
      service('own-time', { ...clean, 'clean.cron': '* * * * *' }),
      service('off', { ...clean, 'clean.enable': 'false' }),
      service('other', { 'backup.enable': 'true', 'backup.exec': 'dump', 'backup.target': 'local' }),
      service('none', {}),
    ];
    const names = (action: 'clean' | 'backup') => commonServices(services, action).map(({ name }) => name);
    assert.deepEqual(names('clean'), ['cleaned']);
    assert.deepEqual(names('backup'), ['other']);
  });

  test('is also for services whose labels are wrong, since they may have meant it', () => {
    const services = [
      service('bad-value', { ...clean, 'clean.enable': 'yes' }),
      service('misspelt', { 'clean.enabel': 'true' }),
      service('bad-time', { ...clean, 'clean.cron': 'at night' }),
      service('wrong-elsewhere', { 'backup.enable': 'yes' }),
    ];
    assert.deepEqual(
      commonServices(services, 'clean').map(({ name }) => name),
      ['bad-value', 'misspelt', 'bad-time'],
    );
  });
});

suite('a time of its own', () => {
  test('can be given to each action of a service', () => {
    const shop = service('shop', {
      ...clean,
      'clean.cron': '*/5 * * * * *',
      'restore.enable': 'true',
      'restore.cron': '0  4 * * 0',
      'backup.volume-list-upload': 'data',
      'backup.cron': '0 3 * * *',
    });
    assert.deepEqual(ownEntries([shop]), [
      {
        key: 'clean shop-id',
        expression: '*/5 * * * * *',
        phases: [{ action: 'clean', targetKind: 'service' }],
        service: { id: 'shop-id', name: 'shop' },
      },
      {
        key: 'restore shop-id',
        expression: '0 4 * * 0',
        phases: [{ action: 'restore', targetKind: 'service' }],
        service: { id: 'shop-id', name: 'shop' },
      },
    ]);
  });

  test('starts a restore that touches nothing, and an update to what runs already', () => {
    assert.deepEqual(requestOfClock('restore'), { action: 'restore', isDrill: true });
    assert.deepEqual(requestOfClock('update'), { action: 'update', isForce: false });
    assert.deepEqual(requestOfClock('clean'), { action: 'clean', targetKind: 'service' });
    assert.deepEqual(requestOfClock('backup'), { action: 'backup' });
  });
});

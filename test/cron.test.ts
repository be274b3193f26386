import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { RequestError } from '../src/core/errors.ts';
import type { Clock } from '../src/engine/clock.ts';
import type { Operations } from '../src/engine/operations.ts';
import { SwarmError } from '../src/engine/swarm.ts';
import { backup, clean, createCronWorld, inShort, minuteMs, secondMs } from './cron-world.ts';

const quarterMs = 15 * minuteMs;

suite('the common run', () => {
  test('cleans services, then nodes, then backs up, as the caller schedule', async context => {
    const { begin, at, addService, swarm, operations, started } = createCronWorld(context);
    addService('shop', { ...clean, ...backup });
    addService('blog', clean);
    addService('other', { 'update.enable': 'true' });
    swarm.addNode({ id: 'node-2' });
    const cron = begin();
    await at(quarterMs - 1);
    assert.deepEqual(started(), []);
    await at(quarterMs + secondMs);
    await cron.stop();
    assert.deepEqual(started(), ['clean shop', 'clean blog', 'clean node-1', 'clean node-2', 'backup shop']);
    assert.ok(operations.starts.every(({ caller, isPatient }) => caller.kind === 'schedule' && isPatient));
    const [run] = cron.runsOf('common', 10);
    assert.equal(run?.status, 'succeeded');
    assert.equal(run.scheduledAt, '2026-11-22T12:15:00.000Z');
    assert.ok(run.startedAt && run.finishedAt && run.finishedAt >= run.startedAt);
    assert.deepEqual(
      run.results.map(({ operation, status, target }) => [operation, status, target.kind]),
      [
        ['operation-1', 'succeeded', 'service'],
        ['operation-2', 'succeeded', 'service'],
        ['operation-3', 'succeeded', 'node'],
        ['operation-4', 'succeeded', 'node'],
        ['operation-5', 'succeeded', 'service'],
      ],
    );
  });

  test('begins a part when the one before is done, and shows meanwhile what it does', async context => {
    const { begin, at, addService, operations, started } = createCronWorld(context);
    addService('shop', { ...clean, ...backup });
    operations.endAllWith({ status: 'running' });
    const cron = begin();
    await at(quarterMs + secondMs);
    assert.deepEqual(started(), ['clean shop']);
    assert.equal(cron.states()[0]?.isRunning, true);
    assert.deepEqual(inShort(cron.runsOf('common', 10)), ['12:15:00, running, clean shop running']);
    operations.change('operation-1', { status: 'succeeded' });
    await at(quarterMs + 2 * secondMs);
    assert.deepEqual(started(), ['clean shop', 'clean node-1']);
    operations.change('operation-2', { status: 'failed', error: { code: 'not_removed', message: 'in use' } });
    await at(quarterMs + 3 * secondMs);
    assert.deepEqual(started(), ['clean shop', 'clean node-1', 'backup shop']);
    operations.change('operation-3', { status: 'succeeded' });
    await at(quarterMs + 4 * secondMs);
    await cron.stop();
    assert.equal(cron.states()[0]?.isRunning, false);
    assert.deepEqual(inShort(cron.runsOf('common', 10)), [
      '12:15:00, failed, clean shop succeeded, clean node-1 failed, backup shop succeeded',
    ]);
    assert.equal(cron.runsOf('common', 1)[0]?.results[1]?.message, 'in use');
  });

  test('has a switch for each part', async context => {
    for (const [off, expected] of [
      [{ cleansServices: false }, ['clean node-1', 'backup shop']],
      [{ cleansNodes: false }, ['clean shop', 'backup shop']],
      [{ backsUpServices: false }, ['clean shop', 'clean node-1']],
      [{ cleansServices: false, cleansNodes: false, backsUpServices: false }, []],
    ] as const) {
      const { begin, at, addService, started } = createCronWorld(context);
      addService('shop', { ...clean, ...backup });
      const cron = begin(off);
      await at(quarterMs + secondMs);
      await cron.stop();
      assert.deepEqual(started(), expected);
      assert.equal(cron.states().length, expected.length === 0 ? 0 : 1);
    }
  });

  test('names what labels forbid, and each node that can not be cleaned', async context => {
    const { begin, at, addService, swarm, started } = createCronWorld(context);
    addService('misspelt', { ...clean, 'clean.exec.tmeout': '1' });
    addService('not-quite-on', { ...backup, 'backup.enable': 'yes' });
    swarm.addNode({ id: 'down', state: 'down' });
    swarm.addNode({ id: 'drained', availability: 'drain' });
    swarm.addNode({ id: 'off', labels: { 'swarm-utils.clean.enable': 'false' } });
    swarm.addNode({ id: 'wrong', labels: { 'swarm-utils.clean.enable': 'no' } });
    const cron = begin();
    await at(quarterMs + secondMs);
    await cron.stop();
    assert.deepEqual(started(), ['clean node-1']);
    const [run] = cron.runsOf('common', 1);
    assert.equal(run?.status, 'failed');
    const results = run.results.map(({ action, target, status, message = '' }) =>
      `${action} ${target.name} ${status}: ${message}`.replace(/must be .*/, 'must be …'),
    );
    assert.deepEqual(results, [
      'clean misspelt refused: swarm-utils.clean.exec.tmeout is unknown (did you mean swarm-utils.clean.exec.timeout?).',
      'clean node-1 succeeded: ',
      'clean down skipped: The node is down.',
      'clean drained skipped: The availability of the node is drain.',
      'clean off skipped: The node has the label swarm-utils.clean.enable=false.',
      'clean wrong refused: swarm-utils.clean.enable must be …',
      'backup not-quite-on refused: swarm-utils.backup.enable must be …',
    ]);
  });

  test('does not keep a thousand wrong labels with each run', async context => {
    const { begin, at, addService } = createCronWorld(context);
    const wrong = Object.fromEntries(
      Array.from({ length: 1000 }, (_, number) => [`clean.wrong-${number}`, 'x'.repeat(1000)]),
    );
    addService('shop', { ...clean, ...wrong });
    const cron = begin({ cleansNodes: false });
    await at(quarterMs + secondMs);
    await cron.stop();
    const message = cron.runsOf('common', 1)[0]?.results[0]?.message ?? '';
    assert.match(message, /^swarm-utils\.clean\.wrong-0 is unknown.* And 995 more\.$/);
    assert.ok(message.length < 1000);
  });

  test('of nothing succeeds, and says so', async context => {
    const { begin, at } = createCronWorld(context);
    const cron = begin({ cleansNodes: false });
    await at(quarterMs + secondMs);
    await cron.stop();
    const [run] = cron.runsOf('common', 1);
    assert.deepEqual([run?.status, run?.message], ['succeeded', 'Nothing was to be done.']);
  });

  test('goes on with the next part when the swarm could not be asked, and has failed', async context => {
    const { begin, at, addService, swarm, started } = createCronWorld(context);
    addService('shop', { ...clean, ...backup });
    const cron = begin();
    swarm.fail('listNodes', new SwarmError('rejected', 'no'), 1);
    await at(quarterMs + secondMs);
    await cron.stop();
    assert.deepEqual(started(), ['clean shop', 'backup shop']);
    const [run] = cron.runsOf('common', 1);
    assert.deepEqual([run?.status, run?.message], ['failed', 'clean node: the swarm could not be asked.']);
  });

  test('waits a moment for a swarm that is without a leader', async context => {
    const { begin, at, addService, swarm, started } = createCronWorld(context);
    addService('shop', clean);
    const cron = begin({ cleansNodes: false });
    await at(quarterMs - secondMs);
    swarm.fail('listServices', new SwarmError('unavailable', 'no leader'), 20);
    await at(quarterMs + minuteMs);
    await cron.stop();
    assert.deepEqual(started(), ['clean shop']);
  });

  test('is told where an operation is not taken, and the others run', async context => {
    const { begin, at, addService, operations, started, logs } = createCronWorld(context);
    for (const name of ['flooded', 'broken', 'shop']) {
      addService(name, clean);
    }
    const refusing: Operations = {
      ...operations,
      start(token, options) {
        const operation = operations.start(token, options);
        if (operation.target.name === 'flooded') {
          throw new RequestError('overloaded', 'Too many wait.');
        }
        if (operation.target.name === 'broken') {
          throw new Error('disk full: canary');
        }
        return operation;
      },
    };
    const cron = begin({ cleansNodes: false }, { operations: refusing });
    await at(quarterMs + secondMs);
    await cron.stop();
    assert.equal(started().length, 3);
    const [run] = cron.runsOf('common', 1);
    assert.deepEqual(inShort(run ? [run] : []), [
      '12:15:00, failed, clean flooded refused, clean broken refused, clean shop succeeded',
    ]);
    assert.deepEqual(
      run?.results.map(({ message }) => message),
      ['Too many wait.', 'swarm-utils itself failed; its log says how.', undefined],
    );
    assert.equal(logs().filter(({ event }) => event === 'schedule.fault').length, 1);
  });

  test('runs as many operations at the same time as it may', async context => {
    const { begin, at, addService, operations, clock } = createCronWorld(context);
    for (let number = 0; number < 7; number += 1) {
      addService(`shop-${number}`, clean);
    }
    operations.endAllWith({ status: 'queued' });
    let [running, most] = [0, 0];
    const real: Operations = {
      ...operations,
      start(token, options) {
        const { id } = operations.start(token, options);
        void options?.gate?.pass(async () => {
          running += 1;
          most = Math.max(most, running);
          await clock.sleep(secondMs);
          running -= 1;
          operations.change(id, { status: 'succeeded' });
        });
        return operations.get(id) ?? assert.fail();
      },
    };
    const cron = begin({ parallel: 3, cleansNodes: false }, { operations: real });
    await at(quarterMs + minuteMs);
    await cron.stop();
    assert.equal(most, 3);
    const [run] = cron.runsOf('common', 1);
    assert.equal(run?.status, 'succeeded');
    assert.equal(run.finishedAt, '2026-11-22T12:15:03.000Z');
  });
});

suite('a service with its own time', () => {
  test('has its action then, and not in the common run', async context => {
    const { begin, at, addService, started, operations } = createCronWorld(context);
    addService('shop', { ...clean, ...backup, 'clean.cron': '*/20 * * * * *' });
    addService('blog', clean);
    const cron = begin({ cleansNodes: false });
    await at(minuteMs);
    assert.deepEqual(started(), ['clean shop', 'clean shop']);
    await at(quarterMs + secondMs);
    await cron.stop();
    assert.equal(started().filter(each => each === 'clean shop').length, 45);
    assert.deepEqual(
      started().filter(each => each !== 'clean shop'),
      ['clean blog', 'backup shop'],
    );
    assert.ok(operations.starts.every(({ caller, isPatient }) => caller.kind === 'schedule' && isPatient));
    assert.deepEqual(inShort(cron.runsOf('clean shop-id', 2)), [
      '12:15:00, succeeded, clean shop succeeded',
      '12:14:40, succeeded, clean shop succeeded',
    ]);
  });

  test('counts although that part of the common run is off', async context => {
    const { begin, at, addService, started } = createCronWorld(context);
    addService('shop', { ...backup, 'backup.cron': '1 * * * *' });
    const cron = begin({ backsUpServices: false, cleansNodes: false });
    await at(2 * minuteMs);
    await cron.stop();
    assert.deepEqual(started(), ['backup shop']);
  });

  test('is updated to what it runs, and a restore of it is only tried', async context => {
    const { begin, at, addService, operations } = createCronWorld(context);
    addService('shop', {
      'update.enable': 'true',
      'update.cron': '1 * * * *',
      'restore.enable': 'true',
      'restore.cron': '1 * * * *',
      'backup.volume-list-upload': 'data',
    });
    const cron = begin();
    await at(2 * minuteMs);
    await cron.stop();
    assert.deepEqual(
      operations.starts.map(({ request }) => request),
      [
        { action: 'update', isForce: false },
        { action: 'restore', isDrill: true },
      ],
    );
  });

  test('is heard within a minute when it changes, comes or goes', async context => {
    const { begin, at, addService, swarm, started } = createCronWorld(context);
    const shop = addService('shop', clean);
    const cron = begin({ cleansNodes: false });
    await at(5 * minuteMs);
    const labelsOf = (cronLabel: object) => ({
      'swarm-utils.clean.enable': 'true',
      'swarm-utils.clean.exec': 'true',
      ...cronLabel,
    });
    swarm.changeService(shop, { labels: labelsOf({ 'swarm-utils.clean.cron': '30 * * * * *' }) });
    await at(6 * minuteMs);
    assert.deepEqual(started(), ['clean shop']);
    swarm.changeService(shop, { labels: labelsOf({ 'swarm-utils.clean.cron': '* * * * *' }) });
    await at(8 * minuteMs + secondMs);
    assert.deepEqual(
      cron
        .runsOf('clean shop-id', 10)
        .map(({ scheduledAt }) => scheduledAt.slice(11, 19))
        .slice(0, 2),
      ['12:08:00', '12:07:00'],
    );
    swarm.changeService(shop, { labels: labelsOf({}) });
    await at(9 * minuteMs - secondMs);
    const before = started().length;
    await at(14 * minuteMs);
    assert.equal(started().length, before);
    assert.deepEqual(
      cron.states().map(({ entry }) => entry.key),
      ['common'],
    );
    await at(quarterMs + secondMs);
    await cron.stop();
    assert.equal(started().length, before + 1);
  });

  test('does nothing when it is gone or has another time when its time comes', async context => {
    const { begin, at, addService, swarm, started } = createCronWorld(context);
    const gone = addService('gone', { ...clean, 'clean.cron': '10 1 * * * *' });
    const moved = addService('moved', { ...clean, 'clean.cron': '10 1 * * * *' });
    const cron = begin();
    await at(minuteMs + secondMs);
    swarm.deleteService(gone);
    swarm.changeService(moved, { labels: {} });
    const keys = [`clean ${gone}`, `clean ${moved}`];
    await at(minuteMs + 11 * secondMs);
    await cron.stop();
    assert.deepEqual(started(), []);
    assert.deepEqual(
      keys.map(key => cron.runsOf(key, 1)[0]?.status),
      ['skipped', 'skipped'],
    );
  });

  test('shares a bound with the others, and waits for no common run', async context => {
    const { begin, at, addService, operations, swarm } = createCronWorld(context);
    addService('slow', clean);
    for (let number = 0; number < 4; number += 1) {
      addService(`shop-${number}`, { ...clean, 'clean.cron': '1 16 * * * *' });
    }
    const gates = new Map<string, unknown>();
    const noting: Operations = {
      ...operations,
      start(token, options) {
        const operation = operations.start(token, options);
        gates.set(operation.target.name, options?.gate);
        return operation;
      },
    };
    const cron = begin({ cleansNodes: false }, { operations: noting });
    await at(17 * minuteMs);
    await cron.stop();
    assert.equal(new Set(gates.values()).size, 2);
    assert.equal(gates.get('shop-0'), gates.get('shop-3'));
    assert.notEqual(gates.get('shop-0'), gates.get('slow'));
    assert.ok(swarm.calls.length > 0);
  });
});

suite('a run that is still going', () => {
  test('is not started again; that is told once, with how often', async context => {
    const { begin, at, addService, operations, started, logs } = createCronWorld(context);
    addService('shop', { ...clean, 'clean.cron': '*/10 * * * * *' });
    operations.endAllWith({ status: 'running' });
    const cron = begin({ cleansNodes: false });
    await at(45 * secondMs);
    assert.deepEqual(started(), ['clean shop']);
    assert.deepEqual(inShort(cron.runsOf('clean shop-id', 10)), [
      '12:00:40, skipped, 3x',
      '12:00:10, running, clean shop running',
    ]);
    operations.change('operation-1', { status: 'succeeded' });
    await at(51 * secondMs);
    assert.deepEqual(inShort(cron.runsOf('clean shop-id', 10)), [
      '12:00:50, running, clean shop running',
      '12:00:40, skipped, 3x',
      '12:00:10, succeeded, clean shop succeeded',
    ]);
    assert.equal(cron.runsOf('clean shop-id', 2)[1]?.message, 'still running');
    operations.change('operation-2', { status: 'succeeded' });
    await cron.stop();
    assert.equal(
      logs().filter(({ event, status }) => event === 'schedule.run' && status === 'skipped').length,
      1,
    );
  });

  test('holds up no other', async context => {
    const { begin, at, addService, operations, started } = createCronWorld(context);
    addService('slow', { ...clean, 'clean.cron': '*/10 * * * * *' });
    operations.endAllWith({ status: 'running' });
    addService('shop', { ...clean, 'clean.cron': '30 * * * * *' });
    const cron = begin();
    await at(minuteMs - 1);
    assert.deepEqual(started(), ['clean slow', 'clean shop']);
    for (const id of ['operation-1', 'operation-2']) {
      operations.change(id, { status: 'succeeded' });
    }
    await cron.stop();
  });
});

suite('a clock that leaps', () => {
  function leaping(clock: Clock) {
    let aheadMs = 0;
    return {
      sleep: clock.sleep,
      now: () => new Date(clock.now().getTime() + aheadMs),
      leap: (ms: number) => {
        aheadMs += ms;
      },
    };
  }

  test('ahead: what was due meanwhile is run once, the rest is missed', async context => {
    const { begin, at, addService, clock, started, logs } = createCronWorld(context);
    addService('shop', { ...clean, 'clean.cron': '0 */10 * * * *' });
    const own = leaping(clock);
    const cron = begin({ cleansServices: false, cleansNodes: false, backsUpServices: false }, { clock: own });
    await at(minuteMs);
    own.leap(3 * 60 * minuteMs);
    await at(3 * minuteMs);
    await cron.stop();
    assert.deepEqual(started(), ['clean shop']);
    assert.deepEqual(inShort(cron.runsOf('clean shop-id', 10)), [
      '15:00:00, succeeded, clean shop succeeded',
      '14:50:00, missed, 17x',
    ]);
    const { count, last } = cron.missedOf('clean shop-id');
    assert.deepEqual(
      [count, last.length, last[0], last[9]],
      [17, 10, '2026-11-22T13:20:00.000Z', '2026-11-22T14:50:00.000Z'],
    );
    assert.equal(cron.states()[0]?.nextAt?.toISOString(), '2026-11-22T15:10:00.000Z');
    assert.equal(logs().filter(({ event }) => event === 'schedule.missed').length, 1);
  });

  test('back by a little: nothing is run twice', async context => {
    const { begin, at, clock, started } = createCronWorld(context);
    const own = leaping(clock);
    const cron = begin({}, { clock: own });
    await at(quarterMs + secondMs);
    own.leap(-minuteMs);
    await at(quarterMs + 2 * minuteMs);
    await cron.stop();
    assert.deepEqual(started(), ['clean node-1']);
  });

  test('back by years: what is due by the new time is run', async context => {
    const { begin, at, clock, started } = createCronWorld(context);
    const own = leaping(clock);
    own.leap(4 * 365 * 24 * 60 * minuteMs);
    const cron = begin({}, { clock: own });
    await at(minuteMs);
    own.leap(-4 * 365 * 24 * 60 * minuteMs);
    await at(quarterMs + secondMs);
    await cron.stop();
    assert.deepEqual(started(), ['clean node-1']);
  });
});

suite('after a restart', () => {
  test('what was due meanwhile is missed, not run; what went on is interrupted', async context => {
    const { begin, at, addService, operations, started, logs } = createCronWorld(context);
    addService('shop', { ...clean, 'clean.cron': '0 */10 * * * *' });
    operations.endAllWith({ status: 'running' });
    const first = begin({ cleansServices: false, cleansNodes: false });
    await at(10 * minuteMs + secondMs);
    void first.stop();
    await at(65 * minuteMs);
    operations.endAllWith({ status: 'succeeded' });
    const second = begin({ cleansServices: false, cleansNodes: false });
    await at(66 * minuteMs);
    assert.deepEqual(inShort(second.runsOf('clean shop-id', 10)), [
      '13:00:00, missed, 5x',
      '12:10:00, interrupted, clean shop running',
    ]);
    assert.deepEqual(inShort(second.runsOf('common', 10)), ['13:00:00, missed, 4x']);
    assert.deepEqual(second.missedOf('common'), {
      count: 4,
      last: [15, 30, 45].map(minute => `2026-11-22T12:${minute}:00.000Z`).concat('2026-11-22T13:00:00.000Z'),
    });
    assert.deepEqual(started(), ['clean shop']);
    await at(70 * minuteMs + secondMs);
    await second.stop();
    assert.deepEqual(started(), ['clean shop', 'clean shop']);
    assert.equal(logs().filter(({ event }) => event === 'schedule.interrupted').length, 1);
    assert.equal(logs().filter(({ event }) => event === 'schedule.missed').length, 2);
  });

  test('nothing is missed twice, however often it starts', async context => {
    const { begin, at } = createCronWorld(context);
    const first = begin();
    await at(minuteMs);
    await first.stop();
    await at(2 * quarterMs + minuteMs);
    for (const minutes of [32, 33, 34]) {
      const cron = begin();
      await cron.stop();
      await at(minutes * minuteMs);
    }
    const last = begin();
    assert.equal(last.missedOf('common').count, 2);
    await last.stop();
  });

  test('what ran just before a crash is not missed', async context => {
    const { begin, at, addService, database } = createCronWorld(context);
    addService('shop', { ...clean, 'clean.cron': '*/10 * * * * *' });
    const first = begin();
    await at(31 * secondMs);
    // The last note says less than is true.
    database.exec("UPDATE schedule_watch SET watched_until = '2026-11-22T12:00:05.000Z'");
    await first.stop();
    const second = begin();
    await at(35 * secondMs);
    assert.equal(second.missedOf('clean shop-id').count, 0);
    await second.stop();
  });

  test('what has another time by now, or is new, missed nothing', async context => {
    const { begin, at, addService } = createCronWorld(context);
    const first = begin();
    await at(minuteMs);
    await first.stop();
    addService('shop', { ...clean, 'clean.cron': '* * * * * *' });
    await at(3 * quarterMs);
    const second = begin({ expression: '0 * * * * *' });
    await at(3 * quarterMs + 5 * secondMs);
    await second.stop();
    assert.equal(second.missedOf('common').count, 0);
    assert.equal(second.missedOf('clean shop-id').count, 0);
  });

  test('with the swarm away: the time of services is known as soon as it is back', async context => {
    const { begin, at, addService, swarm, started } = createCronWorld(context);
    addService('shop', { ...clean, 'clean.cron': '30 * * * * *' });
    swarm.fail('listServices', new SwarmError('unavailable', 'no'), 4);
    const cron = begin();
    await at(10 * secondMs);
    assert.deepEqual(
      cron.states().map(({ entry }) => entry.key),
      ['common'],
    );
    await at(31 * secondMs);
    await cron.stop();
    assert.deepEqual(started(), ['clean shop']);
  });
});

suite('the stop', () => {
  test('begins nothing more, and waits for what runs', async context => {
    const { begin, at, addService, operations, started, clock } = createCronWorld(context);
    addService('shop', { ...clean, ...backup });
    operations.endAllWith({ status: 'running' });
    const cron = begin({ cleansNodes: false });
    await at(quarterMs + secondMs);
    await operations.stop();
    let isStopped = false;
    const stopped = cron.stop().then(() => {
      isStopped = true;
    });
    await at(3 * quarterMs);
    assert.equal(isStopped, false);
    operations.change('operation-1', { status: 'succeeded' });
    await stopped;
    assert.deepEqual(started(), ['clean shop']);
    const [run, ...others] = cron.runsOf('common', 10);
    assert.equal(run?.status, 'interrupted');
    assert.deepEqual(
      run.results.map(({ action, status }) => `${action} ${status}`),
      ['clean succeeded', 'backup interrupted'],
    );
    assert.deepEqual(others, []);
    assert.ok(clock.elapsedMs >= 3 * quarterMs);
  });

  test('of an idle clock is done at once', async context => {
    const { begin } = createCronWorld(context);
    await begin().stop();
  });
});

suite('faults', () => {
  test('a full disk does not stop the clock', async context => {
    const { begin, at, addService, database, started, logs } = createCronWorld(context);
    addService('shop', { ...clean, 'clean.cron': '* * * * *' });
    const cron = begin({ cleansNodes: false });
    await at(secondMs);
    database.exec('DROP TABLE schedule_runs; DROP TABLE schedule_watch');
    await at(3 * minuteMs + secondMs);
    await cron.stop();
    assert.deepEqual(started(), ['clean shop', 'clean shop', 'clean shop']);
    assert.ok(logs().some(({ event }) => event === 'schedule.fault'));
  });

  test('the log says at the start what comes, and what each run came to', async context => {
    const { begin, at, addService, logs } = createCronWorld(context);
    addService('shop', { ...clean, 'clean.cron': '0 5 * * * *' });
    const cron = begin();
    await at(quarterMs + secondMs);
    await cron.stop();
    const [started] = logs();
    assert.equal(started?.event, 'schedule.started');
    assert.deepEqual(started.next, [
      { action: 'clean', serviceName: 'shop', nextAt: '2026-11-22T12:05:00.000Z' },
      { key: 'common', nextAt: '2026-11-22T12:15:00.000Z' },
    ]);
    assert.deepEqual(
      logs()
        .slice(1)
        .map(({ event, status, targets, failed }) => ({ event, status, targets, failed })),
      [
        { event: 'schedule.run', status: 'succeeded', targets: 1, failed: 0 },
        { event: 'schedule.run', status: 'succeeded', targets: 1, failed: 0 },
      ],
    );
  });
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HelperService } from '../../src/core/helper.ts';
import { writeHelperSpec } from '../../src/engine/docker/helper-spec.ts';
import {
  readNode,
  readOwnEngine,
  readService,
  readTask,
  type ServiceJson,
  type TaskJson,
} from '../../src/engine/engine-json.ts';
import { taskStates } from '../../src/engine/swarm.ts';

const service = {
  ID: 'abc',
  Version: { Index: 7 },
  CreatedAt: '2026-11-22T12:00:00Z',
  UpdatedAt: '2026-11-22T12:00:01Z',
  Spec: {
    Name: 'shop',
    Labels: { a: 'b' },
    TaskTemplate: {
      ContainerSpec: { Image: 'nginx:1' },
      ForceUpdate: 3,
      LogDriver: { Name: 'syslog', Options: { 'cache-disabled': 'true' } },
      Placement: { Constraints: ['node.role==worker'] },
      RestartPolicy: { Condition: 'on-failure' },
    },
    Mode: { Replicated: { Replicas: 2 } },
    UpdateConfig: { FailureAction: 'rollback', Monitor: 1_500_000_000 },
  },
  UpdateStatus: { State: 'completed', StartedAt: 's', CompletedAt: 'c', Message: 'm' },
} as const satisfies ServiceJson;

const task = {
  ID: 't',
  ServiceID: 'abc',
  Slot: 2,
  NodeID: 'n',
  CreatedAt: 'x',
  DesiredState: 'shutdown',
  Spec: { ContainerSpec: { Image: 'nginx:1' }, ForceUpdate: 3 },
  Status: {
    Timestamp: 'y',
    State: 'failed',
    Message: 'started',
    Err: 'non-zero exit',
    ContainerStatus: { ContainerID: 'c', ExitCode: 137 },
  },
} as const satisfies TaskJson;

const specOf = (change: object): ServiceJson => ({ ...service, Spec: { ...service.Spec, ...change } });

suite('a service of the Engine API', () => {
  test('is read', () => {
    assert.deepEqual(readService(service), {
      id: 'abc',
      name: 'shop',
      labels: { a: 'b' },
      image: 'nginx:1',
      mode: 'replicated',
      replicas: 2,
      version: 7,
      forceUpdate: 3,
      failureAction: 'rollback',
      restartCondition: 'on-failure',
      constraints: ['node.role==worker'],
      updateMonitorMs: 1500,
      stopGraceMs: 10_000,
      volumes: [],
      mounts: [],
      logDriver: { name: 'syslog', isCopyDisabled: true },
      createdAt: '2026-11-22T12:00:00Z',
      updatedAt: '2026-11-22T12:00:01Z',
      update: { state: 'completed', message: 'm', startedAt: 's', completedAt: 'c' },
    });
  });

  test('tells how many replicas a rollback would bring back', () => {
    const previous = (Mode: object | undefined) =>
      readService({ ...service, PreviousSpec: { ...service.Spec, ...(Mode && { Mode }) } }).previousReplicas;
    assert.equal(previous({ Replicated: { Replicas: 0 } }), 0);
    assert.equal(previous({ Replicated: {} }), 1);
    assert.equal(previous({ Global: {} }), undefined);
  });

  test('names the volumes that it mounts, each once, and nothing else that it mounts', () => {
    const Mounts = [
      { Type: 'volume', Source: 'data', Target: '/a' },
      { Type: 'volume', Source: 'data', Target: '/b' },
      { Type: 'volume', Target: '/anonymous' },
      { Type: 'bind', Source: '/etc', Target: '/etc' },
      { Type: 'volume', Source: 'dump', Target: '/c' },
    ];
    const TaskTemplate = { ContainerSpec: { Image: 'nginx:1', Mounts } };
    assert.deepEqual(readService(specOf({ TaskTemplate })).volumes, ['data', 'dump']);
  });

  test('tells what it mounts by name or path, and by which driver', () => {
    const DriverConfig = { Name: 'local', Options: { type: 'nfs', o: 'addr=10.0.0.9' } };
    const Mounts = [
      { Type: 'volume', Source: 'data', Target: '/a', VolumeOptions: { DriverConfig } },
      { Type: 'volume', Source: 'plain', Target: '/b', VolumeOptions: { DriverConfig: {} } },
      { Type: 'volume', Target: '/anonymous', VolumeOptions: null },
      { Type: 'bind', Source: '/etc', Target: '/etc' },
      { Type: 'cluster', Source: 'group:fast', Target: '/c' },
      { Type: 'npipe', Source: 'pipe', Target: '/p' },
    ];
    const TaskTemplate = { ContainerSpec: { Image: 'nginx:1', Mounts } };
    assert.deepEqual(readService(specOf({ TaskTemplate })).mounts, [
      { type: 'volume', source: 'data', driver: 'local', driverOptions: DriverConfig.Options },
      { type: 'volume', source: 'plain', driverOptions: {} },
      { type: 'bind', source: '/etc', driverOptions: {} },
      { type: 'cluster', source: 'group:fast', driverOptions: {} },
      { type: 'other', source: 'pipe', driverOptions: {} },
    ]);
  });

  test('tells what its tasks get to end by themselves', () => {
    const ContainerSpec = { Image: 'nginx:1', StopGracePeriod: 75e9 };
    assert.equal(readService(specOf({ TaskTemplate: { ContainerSpec } })).stopGraceMs, 75_000);
    assert.equal(
      readService(specOf({ TaskTemplate: { ContainerSpec: { ...ContainerSpec, StopGracePeriod: 0 } } }))
        .stopGraceMs,
      0,
    );
  });

  test('may lack what is not said', () => {
    const { UpdateStatus: _, ...silent } = service;
    const read = readService({ ...silent, Spec: { Name: 'shop', TaskTemplate: {} } });
    assert.deepEqual(read.labels, {});
    assert.equal(read.image, '');
    assert.equal(read.forceUpdate, 0);
    assert.equal(read.failureAction, 'pause');
    assert.equal(read.updateMonitorMs, 5000);
    assert.ok(!('update' in read) && !('logDriver' in read));
    assert.deepEqual(readService({ ...silent, Spec: { ...service.Spec, Labels: null } }).labels, {});
    assert.equal(readService(specOf({ UpdateConfig: { FailureAction: '' } })).failureAction, 'pause');
  });

  test('has no update status where the Engine answers an empty one', () => {
    for (const UpdateStatus of [{}, { State: '' }, { State: '', Message: 'x' }]) {
      assert.ok(!('update' in readService({ ...service, UpdateStatus })));
    }
    assert.deepEqual(readService({ ...service, UpdateStatus: { State: 'paused' } }).update, {
      state: 'paused',
      message: '',
    });
  });

  test('has a mode, and replicas where it is replicated', () => {
    const modes = [
      [{ Replicated: {} }, 'replicated', 1],
      [{ Replicated: { Replicas: 0 } }, 'replicated', 0],
      [{ Global: {} }, 'global', undefined],
      [{ ReplicatedJob: { MaxConcurrent: 1 } }, 'replicated-job', undefined],
      [{ GlobalJob: {} }, 'global-job', undefined],
    ] as const;
    for (const [Mode, mode, replicas] of modes) {
      const read = readService(specOf({ Mode }));
      assert.deepEqual([read.mode, read.replicas], [mode, replicas]);
    }
  });

  test('with a state that nobody knows is refused, not guessed', () => {
    const refusal = { name: 'SwarmError', code: 'rejected' };
    assert.throws(() => readService({ ...service, UpdateStatus: { State: 'exploded' } }), refusal);
    assert.throws(() => readService(specOf({ UpdateConfig: { FailureAction: 'shrug' } })), refusal);
  });
});

suite('a task of the Engine API', () => {
  test('is read', () => {
    assert.deepEqual(readTask(task), {
      id: 't',
      serviceId: 'abc',
      slot: 2,
      nodeId: 'n',
      state: 'failed',
      desiredState: 'shutdown',
      message: 'started',
      error: 'non-zero exit',
      exitCode: 137,
      containerId: 'c',
      image: 'nginx:1',
      stopGraceMs: 10_000,
      forceUpdate: 3,
      createdAt: 'x',
      stateAt: 'y',
    });
  });

  test('may lack what is not there yet', () => {
    const { Slot: _, NodeID: __, ...early } = task;
    for (const ContainerStatus of [undefined, {}, { ContainerID: '', ExitCode: 0 }]) {
      const read = readTask({
        ...early,
        Spec: {},
        Status: { Timestamp: 'y', State: 'new', ...(ContainerStatus && { ContainerStatus }) },
      });
      assert.deepEqual(Object.keys(read).sort(), [
        'createdAt',
        'desiredState',
        'forceUpdate',
        'id',
        'image',
        'message',
        'serviceId',
        'state',
        'stateAt',
        'stopGraceMs',
      ]);
    }
    assert.equal(readTask({ ...task, Slot: 0 }).slot, undefined);
  });

  test('that ended well has exit code 0, which the Engine leaves out', () => {
    const read = readTask({
      ...task,
      Status: { ...task.Status, State: 'complete', ContainerStatus: { ContainerID: 'c' } },
    });
    assert.equal(read.exitCode, 0);
  });

  test('has any of the states of the swarm, and no other', () => {
    for (const State of taskStates) {
      assert.equal(readTask({ ...task, Status: { ...task.Status, State } }).state, State);
    }
    for (const State of ['', 'Running', 'dead', '__proto__']) {
      assert.throws(() => readTask({ ...task, Status: { ...task.Status, State } }), { code: 'rejected' });
      assert.throws(() => readTask({ ...task, DesiredState: State }), { code: 'rejected' });
    }
  });
});

test('the log driver of a service keeps a copy unless it is told not to', () => {
  const driverOf = (LogDriver: object | null) =>
    readService(specOf({ TaskTemplate: { ...service.Spec.TaskTemplate, LogDriver } })).logDriver;
  for (const [value, isCopyDisabled] of [
    ['true', true],
    ['1', true],
    ['false', false],
    ['', false],
  ] as const) {
    const driver = driverOf({ Name: 'gelf', Options: { 'cache-disabled': value } });
    assert.deepEqual(driver, { name: 'gelf', isCopyDisabled });
  }
  assert.deepEqual(driverOf({ Name: 'local', Options: null }), { name: 'local', isCopyDisabled: false });
  assert.equal(driverOf({}), undefined);
  assert.equal(driverOf(null), undefined);
});

test('an Engine says where it keeps images and, mostly, what its log driver is', () => {
  const status = [['driver-type', 'io.containerd.snapshotter.v1']];
  assert.deepEqual(readOwnEngine({ DriverStatus: status, LoggingDriver: 'local', Swarm: { NodeID: 'n' } }), {
    nodeId: 'n',
    imageStore: 'containerd',
    logDriver: 'local',
  });
  assert.deepEqual(readOwnEngine({ Swarm: { NodeID: 'n' } }), { nodeId: 'n', imageStore: 'graphdriver' });
});

suite('a node of the Engine API', () => {
  const node = {
    ID: 'n',
    Spec: { Role: 'worker', Availability: 'drain', Labels: { a: 'b' } },
    Description: {
      Hostname: 'h',
      Platform: { Architecture: 'x86_64', OS: 'linux' },
      Engine: { Labels: { storage: 'fast' } },
    },
    Status: { State: 'down', Addr: '10.0.0.7' },
  };
  test('is read', () => {
    assert.deepEqual(readNode(node), {
      id: 'n',
      hostname: 'h',
      role: 'worker',
      state: 'down',
      availability: 'drain',
      labels: { a: 'b' },
      engineLabels: { storage: 'fast' },
      platform: { architecture: 'x86_64', os: 'linux' },
      address: '10.0.0.7',
    });
    const { Labels: _, ...bare } = node.Spec;
    const late = { ...node, Spec: bare, Description: { Hostname: 'h' }, Status: { State: 'unknown' } };
    const read = readNode(late);
    assert.deepEqual([read.labels, read.engineLabels], [{}, {}]);
    assert.deepEqual([read.platform, read.address], [undefined, undefined]);
  });
  test('with a word that nobody knows is refused', () => {
    for (const odd of [
      { ...node, Spec: { ...node.Spec, Role: 'king' } },
      { ...node, Spec: { ...node.Spec, Availability: 'maybe' } },
      { ...node, Status: { State: 'asleep' } },
    ]) {
      assert.throws(() => readNode(odd), { code: 'rejected' });
    }
  });
});

suite('a helper', () => {
  const helper: HelperService = {
    name: 'swarm-utils-exec-x',
    image: 'docker:cli',
    command: ['docker', 'exec', 'c', '/bin/sh', '-c', 'echo "$HOME"; {{.Node.ID}}'],
    nodeId: 'node-1',
    mounts: [{ type: 'bind', source: '/a', target: '/b', isReadOnly: true }],
    timeoutMs: 1,
  };

  test('is a service of one task on one node that is never restarted, has no capability and a root it can not write, and whose logs can be read', () => {
    assert.deepEqual(writeHelperSpec(helper, { owner: 'me' }, 'run-1'), {
      Name: 'swarm-utils-exec-x',
      Labels: { 'swarm-utils.helper': 'me' },
      Mode: { Replicated: { Replicas: 1 } },
      TaskTemplate: {
        ContainerSpec: {
          Image: 'docker:cli',
          Command: ['docker', 'exec', 'c', '/bin/sh', '-c', 'echo "$HOME"; {{.Node.ID}}'],
          Env: [],
          ReadOnly: true,
          CapabilityDrop: ['ALL'],
          CapabilityAdd: [],
          StopGracePeriod: 3_000_000_000,
          Labels: { 'swarm-utils.helper': 'me', 'swarm-utils.helper.run': 'run-1' },
          Mounts: [{ Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true }],
          Secrets: [],
        },
        Placement: { Constraints: ['node.id==node-1'] },
        RestartPolicy: { Condition: 'none', MaxAttempts: 0 },
        LogDriver: { Name: 'json-file' },
      },
    });
  });

  test('has no network of its own where it speaks through its mounts alone', () => {
    const { TaskTemplate } = writeHelperSpec(
      { ...helper, isOnHostNetwork: true },
      { owner: 'me' },
      'run-1',
    ) as {
      TaskTemplate: object;
    };
    assert.deepEqual('Networks' in TaskTemplate && TaskTemplate.Networks, [{ Target: 'host' }]);
  });

  test('has just the capabilities, variables and secrets that it needs, and a scratch volume without a name', () => {
    const spec = writeHelperSpec(
      {
        ...helper,
        environment: { AWS_S3_PATH: 'shop' },
        capabilities: ['CAP_DAC_READ_SEARCH'],
        hostname: 'worker-1',
        mounts: [{ type: 'scratch', target: '/tmp' }],
        secrets: [{ path: '/run/secrets/key', value: 'the secret itself' }],
      },
      { owner: 'me', secrets: [{ id: 'secret-id', name: 'secret-name', path: '/run/secrets/key' }] },
      'run-1',
    );
    const { ContainerSpec: container } = (spec as { TaskTemplate: { ContainerSpec: object } }).TaskTemplate;
    assert.deepEqual(
      Object.fromEntries(Object.entries(container).filter(([key]) => !['Image', 'Command'].includes(key))),
      {
        Env: ['AWS_S3_PATH=shop'],
        ReadOnly: true,
        CapabilityDrop: ['ALL'],
        CapabilityAdd: ['CAP_DAC_READ_SEARCH'],
        StopGracePeriod: 3_000_000_000,
        Hostname: 'worker-1',
        Labels: { 'swarm-utils.helper': 'me', 'swarm-utils.helper.run': 'run-1' },
        Mounts: [{ Type: 'volume', Target: '/tmp' }],
        Secrets: [
          {
            SecretID: 'secret-id',
            SecretName: 'secret-name',
            File: { Name: '/run/secrets/key', UID: '0', GID: '0', Mode: 0o400 },
          },
        ],
      },
    );
    assert.ok(!JSON.stringify(spec).includes('the secret itself'));
  });

  test('is refused where the swarm would fill in a template', () => {
    const template = '{{.Node.Hostname}}';
    for (const change of [
      { environment: { BACKUP_FILENAME: template } },
      { hostname: template },
      { mounts: [{ type: 'volume', source: template, target: '/data', isReadOnly: true }] },
    ] as const) {
      assert.throws(() => writeHelperSpec({ ...helper, ...change }, { owner: 'me' }, 'run-1'), {
        code: 'rejected',
      });
    }
  });
});

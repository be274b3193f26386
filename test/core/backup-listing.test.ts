import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { StoredArchive, VolumePlace } from '../../src/core/backup.ts';
import { chooseBackup, type RestoreWish, summarizeBackups } from '../../src/core/backup-listing.ts';

const [old, middle, newest] = [
  '2026-11-20T03-00-00Z',
  '2026-11-21T03-00-00Z',
  '2026-11-22T03-00-00Z',
] as const;

function archive(
  node: string,
  volume: string,
  backup: string,
  change: Partial<StoredArchive> = {},
): StoredArchive {
  return { name: `${node}_${volume}_${backup}.tar.gz`, node, volume, backup, sizeBytes: 10, ...change };
}

function place(nodeName: string, volume: string): VolumePlace {
  return { nodeId: `${nodeName}-id`, nodeName, volume };
}

/** What goes where, as text. */
function choose(
  archives: readonly StoredArchive[],
  wish: Omit<RestoreWish, 'volumes' | 'now'> & { volumes?: string[] },
) {
  const volumes = wish.volumes ?? [...new Set(wish.places.map(({ volume }) => volume))];
  const choice = chooseBackup(archives, { ...wish, volumes, now: new Date('2026-11-22T12:00:00Z') });
  return choice.isFound
    ? {
        backup: choice.backup,
        to: choice.choices.map(chosen => `${chosen.archive.name} → ${chosen.place.nodeName}`),
      }
    : choice.message;
}

const both = [place('n1', 'data'), place('n1', 'dump')];

suite('without a name', () => {
  test('it is the newest backup, whatever the order of the list', () => {
    const archives = [middle, newest, old].flatMap(id => [
      archive('n1', 'data', id),
      archive('n1', 'dump', id),
    ]);
    assert.deepEqual(choose(archives, { places: both }), {
      backup: newest,
      to: [`n1_data_${newest}.tar.gz → n1`, `n1_dump_${newest}.tar.gz → n1`],
    });
  });

  test('a newer one that lacks a volume is passed over, as a whole', () => {
    const archives = [
      archive('n1', 'data', newest),
      archive('n1', 'data', middle),
      archive('n1', 'dump', middle),
      archive('n1', 'dump', old),
    ];
    assert.deepEqual(choose(archives, { places: both }), {
      backup: middle,
      to: [`n1_data_${middle}.tar.gz → n1`, `n1_dump_${middle}.tar.gz → n1`],
    });
    assert.deepEqual(choose(archives, { places: [place('n1', 'data')] }), {
      backup: newest,
      to: [`n1_data_${newest}.tar.gz → n1`],
    });
  });

  test('parts of two are never mixed', () => {
    const message = choose([archive('n1', 'data', newest), archive('n1', 'dump', old)], { places: both });
    assert.equal(
      message,
      `No backup has all of the volume data and the volume dump. The newest is ${newest}: there is no archive for the ` +
        'volume dump on n1.',
    );
  });

  test('one of a time to come is not it, but can be named', () => {
    const places = [place('n1', 'data')];
    const archives = ['2026-11-22T23-00-00Z', '2099-01-01T00-00-00Z'].map(id => archive('n1', 'data', id));
    const choices = [undefined, '2099-01-01T00-00-00Z'].map(
      backup => choose(archives, { places, ...(backup && { backup }) }) as { backup: string },
    );
    assert.deepEqual(
      choices.map(({ backup }) => backup),
      ['2026-11-22T23-00-00Z', '2099-01-01T00-00-00Z'],
    );
  });

  test('there may be none', () => {
    assert.equal(choose([], { places: both }), 'There is no backup of the volume data and the volume dump.');
    const foreign = [archive('n1', 'other', newest)];
    assert.match(
      String(choose(foreign, { places: [place('n1', 'data')] })),
      /^There is no backup of the volume data/,
    );
  });
});

suite('nodes', () => {
  test('each that has data of its own gets its own', () => {
    const archives = ['n1', 'n2'].map(node => archive(node, 'data', newest));
    assert.deepEqual(choose(archives, { places: [place('n2', 'data'), place('n1', 'data')] }), {
      backup: newest,
      to: [`n2_data_${newest}.tar.gz → n2`, `n1_data_${newest}.tar.gz → n1`],
    });
  });

  test('one of several gets nothing of another one', () => {
    const archives = [archive('n1', 'data', newest), archive('n1', 'data', old), archive('n2', 'data', old)];
    const places = [place('n1', 'data'), place('n2', 'data')];
    assert.equal((choose(archives, { places }) as { backup: string }).backup, old);
    assert.match(
      String(choose(archives.slice(0, 2), { places })),
      /there is no archive for the volume data on n2/,
    );
  });

  test('the only one takes what another node left', () => {
    assert.deepEqual(choose([archive('n1', 'data', newest)], { places: [place('n9', 'data')] }), {
      backup: newest,
      to: [`n1_data_${newest}.tar.gz → n9`],
    });
  });

  test('which of several it should take must be said', () => {
    const archives = ['n1', 'n2'].map(node => archive(node, 'data', newest));
    const places = [place('n9', 'data')];
    assert.equal(
      choose([...archives, archive('n9', 'data', old)], { places }),
      `In the backup ${newest} several archives could be for the volume data on n9. Name one of them as the backup: ` +
        `n1_data_${newest}.tar.gz (n1), n2_data_${newest}.tar.gz (n2).`,
    );
    assert.deepEqual(choose(archives, { places, backup: `n2_data_${newest}.tar.gz` }), {
      backup: newest,
      to: [`n2_data_${newest}.tar.gz → n9`],
    });
  });

  test('what lies on the disk of another one is out of reach', () => {
    const local = archive('n1', 'data', newest, { nodeId: 'n1-id' });
    const places = [place('n9', 'data')];
    const reason = /lies on the node n1, which keeps its backups on its own disk\. Copy it/;
    assert.match(String(choose([local], { places })), reason);
    assert.match(String(choose([local], { places, backup: newest })), reason);
    assert.match(String(choose([local], { places, backup: local.name })), reason);
    const copied = archive('n1', 'data', newest, { nodeId: 'n9-id' });
    assert.deepEqual(choose([local, copied], { places }), { backup: newest, to: [`${local.name} → n9`] });
  });
});

suite('by name', () => {
  const archives = [old, newest].flatMap(id => [archive('n1', 'data', id), archive('n1', 'dump', id)]);
  const snapshots = ['a', 'b'].map((digit, index) =>
    archive('n1', 'data', [old, newest][index] ?? '', {
      name: `${digit}${'0123456789abcdef'.repeat(4).slice(1)}`,
    }),
  );

  test('an id is a whole backup', () => {
    assert.deepEqual(choose(archives, { places: both, backup: old }), {
      backup: old,
      to: [`n1_data_${old}.tar.gz → n1`, `n1_dump_${old}.tar.gz → n1`],
    });
    assert.match(
      String(choose(archives.slice(1), { places: both, backup: old })),
      new RegExp(`^In the backup ${old} there is no archive for the volume data on n1`),
    );
    assert.equal(
      choose(archives, { places: both, backup: middle }),
      `There is no backup ${middle} of the volume data and the volume dump. The newest: ${newest}, ${old}.`,
    );
  });

  test('an archive is restored alone', () => {
    assert.deepEqual(choose(archives, { places: both, backup: `n1_dump_${old}.tar.gz` }), {
      backup: old,
      to: [`n1_dump_${old}.tar.gz → n1`],
    });
  });

  test('an archive of a volume that was not asked for is refused', () => {
    const wish = { places: [place('n1', 'data')], backup: `n1_dump_${old}.tar.gz` };
    assert.match(String(choose(archives, wish)), /is of the volume dump, which was not asked for/);
  });

  test('an archive of another node must be told where to go', () => {
    const places = [place('n2', 'data'), place('n3', 'data')];
    assert.match(
      String(choose(archives, { places, backup: `n1_data_${old}.tar.gz` })),
      /is of the node n1, and the volume is on n2, n3\. Name the node/,
    );
  });

  test('a snapshot goes by its id, or its first digits where they tell it', () => {
    const places = [place('n1', 'data')];
    const [first, second] = snapshots.map(({ name }) => name);
    const other = archive('n1', 'data', newest, { name: `${second?.slice(0, 20)}${'f'.repeat(44)}` });
    assert.deepEqual(choose(snapshots, { places, backup: `${first}` }), {
      backup: old,
      to: [`${first} → n1`],
    });
    assert.deepEqual(choose(snapshots, { places, backup: `${second?.slice(0, 8)}` }), {
      backup: newest,
      to: [`${second} → n1`],
    });
    assert.match(
      String(choose([...snapshots, other], { places, backup: `${second?.slice(0, 8)}` })),
      /^2 archives or snapshots are called .*Name more digits/,
    );
    assert.match(
      String(choose(snapshots, { places, backup: `${second?.slice(0, 7)}` })),
      /^There is no backup, /,
    );
  });

  test('the beginning of an archive name is none', () => {
    assert.match(
      String(choose(archives, { places: both, backup: 'n1_data' })),
      /^There is no backup, archive/,
    );
  });
});

suite('an archive that lacks something', () => {
  const places = [place('n1', 'data'), place('n1', 'dump')];
  const name = 'f'.repeat(64);
  const lacking = { ...archive('n1', 'data', newest), name, isIncomplete: true as const };
  const stored = [
    archive('n1', 'data', old),
    archive('n1', 'dump', old),
    lacking,
    archive('n1', 'dump', newest),
  ];

  test('is passed over where no backup is named, and refused where its backup is', () => {
    const chosen = chooseBackup(stored, { volumes: ['data', 'dump'], places, now: new Date('2026-11-23') });
    assert.equal(chosen.isFound && chosen.backup, old);
    assert.match(
      String(choose(stored, { places, backup: newest })),
      new RegExp(`is incomplete: not all of the volume data on n1 could be read.*name the snapshot: ${name}`),
    );
  });

  test('is restored by its own name, and stands in the way of no other volume', () => {
    const byName = chooseBackup(stored, { volumes: ['data', 'dump'], places, now: new Date(), backup: name });
    assert.deepEqual(byName.isFound && byName.choices.map(({ archive: taken }) => taken), [lacking]);
    const wish = { volumes: ['dump'], places: [place('n1', 'dump')], now: new Date(), backup: newest };
    assert.equal(chooseBackup(stored, wish).isFound, true);
  });

  test('makes its backup incomplete', () => {
    const [first, second] = summarizeBackups(stored, ['data', 'dump']);
    assert.deepEqual([first?.isComplete, second?.isComplete], [false, true]);
  });
});

test('a summary has each backup once, newest first, and says what is missing', () => {
  const archives = [
    archive('n1', 'data', old),
    archive('n2', 'data', newest),
    archive('n1', 'dump', newest),
    archive('n1', 'data', newest),
  ];
  assert.deepEqual(
    summarizeBackups(archives, ['data', 'dump']).map(backup => [
      backup.id,
      backup.createdAt,
      backup.isComplete,
      backup.archives.length,
    ]),
    [
      [newest, '2026-11-22T03:00:00.000Z', true, 3],
      [old, '2026-11-20T03:00:00.000Z', false, 1],
    ],
  );
  assert.deepEqual(summarizeBackups([], ['data']), []);
});

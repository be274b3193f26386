import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { debianMirror } from './debian-tree.ts';

describe('the mirror of a Debian tree', () => {
  test('is where this machine has its own release from', () => {
    const targets = [
      'Debian|bookworm-security|main|http://security.example/debian-security',
      'Docker|bookworm|stable|https://packages.example/docker',
      'Debian|bookworm|contrib|http://other.example/debian',
      'Debian|bookworm|main|http://mirror.example/debian',
      'Debian|trixie|main|http://second.example/debian',
      '',
    ];
    assert.equal(debianMirror(targets.join('\n')), 'http://mirror.example/debian');
  });

  test('is left to debootstrap where that is no Debian, not known yet, or no address', () => {
    for (const targets of [
      '',
      'Ubuntu|noble|main|http://mirror.example/ubuntu\n',
      '$(ORIGIN)|bookworm|main|http://mirror.example/debian\n',
      'Debian|bookworm|main|cdrom:[Debian]/\n',
    ]) {
      assert.equal(debianMirror(targets), undefined);
    }
  });
});

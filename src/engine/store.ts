import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Operation } from '../core/operation.ts';
import type { Replay } from './replay.ts';

/** Operations, kept across restarts. */
export interface History {
  /** Inserts or replaces. */
  save(operation: Operation): void;
  get(id: string): Operation | undefined;
  /** Newest first. */
  list(filter: { readonly limit: number; readonly targetId?: string }): readonly Operation[];
}

export interface Store {
  readonly history: History;
  readonly replay: Replay;
  close(): void;
}

const OPERATIONS_KEPT_DAYS = 90;
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Opens, or makes, the SQLite database in a folder. Operations that had no verdict when the process before ended are
 * `interrupted`; old records go.
 * @throws Error when the folder or the file can't be written
 */
export function openStore(dataDir: string, now: Date): Store {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(dataDir, 'swarm-utils.sqlite'));
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS operations (
      id TEXT PRIMARY KEY, created_at TEXT NOT NULL, target_id TEXT NOT NULL, json TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS operations_by_time ON operations (created_at);
    CREATE INDEX IF NOT EXISTS operations_by_target ON operations (target_id, created_at);
    CREATE TABLE IF NOT EXISTS replay (
      key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, operation_ids TEXT NOT NULL, expires_at TEXT NOT NULL
    ) STRICT;
  `);
  const history = createHistory(database);
  removeOld(database, now);
  markInterrupted(history, now);
  return { history, replay: createReplay(database), close: () => database.close() };
}

function createHistory(database: DatabaseSync): History {
  const save = database.prepare(
    'INSERT OR REPLACE INTO operations (id, created_at, target_id, json) VALUES (?, ?, ?, ?)',
  );
  const get = database.prepare('SELECT json FROM operations WHERE id = ?');
  const list = database.prepare('SELECT json FROM operations ORDER BY created_at DESC, rowid DESC LIMIT ?');
  const listByTarget = database.prepare(
    'SELECT json FROM operations WHERE target_id = ? ORDER BY created_at DESC, rowid DESC LIMIT ?',
  );
  const read = (row: Record<string, unknown>) => JSON.parse(String(row.json)) as Operation;
  return {
    save(operation) {
      save.run(operation.id, operation.createdAt, operation.target.id, JSON.stringify(operation));
    },
    get(id) {
      const row = get.get(id);
      return row && read(row);
    },
    list({ limit, targetId }) {
      return (targetId === undefined ? list.all(limit) : listByTarget.all(targetId, limit)).map(read);
    },
  };
}

function createReplay(database: DatabaseSync): Replay {
  const find = database.prepare('SELECT fingerprint, operation_ids FROM replay WHERE key = ?');
  const bind = database.prepare(
    'INSERT INTO replay (key, fingerprint, operation_ids, expires_at) VALUES (?, ?, ?, ?)',
  );
  return {
    find(replayKey) {
      const row = find.get(replayKey);
      return (
        row && {
          fingerprint: String(row.fingerprint),
          operationIds: JSON.parse(String(row.operation_ids)),
        }
      );
    },
    bind(replayKey, { fingerprint, operationIds }, expiresAt) {
      bind.run(replayKey, fingerprint, JSON.stringify(operationIds), expiresAt.toISOString());
    },
  };
}

function removeOld(database: DatabaseSync, now: Date): void {
  const oldest = new Date(now.getTime() - OPERATIONS_KEPT_DAYS * DAY_MS);
  database.prepare('DELETE FROM operations WHERE created_at < ?').run(oldest.toISOString());
  database.prepare('DELETE FROM replay WHERE expires_at < ?').run(now.toISOString());
}

function markInterrupted(history: History, now: Date): void {
  const message = 'swarm-utils ended before the operation had its verdict; the swarm may have finished it.';
  for (const operation of history.list({ limit: -1 })) {
    if (operation.status === 'queued' || operation.status === 'running') {
      history.save({
        ...operation,
        status: 'interrupted',
        finishedAt: now.toISOString(),
        error: { code: 'interrupted', message },
      });
    }
  }
}

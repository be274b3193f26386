import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Operation } from '../core/operation.ts';
import type { Replay } from './replay.ts';
import { createScheduleStore, type ScheduleStore } from './schedule-store.ts';

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
  readonly schedule: ScheduleStore;
  /** Operations that the process before left without a verdict. */
  readonly interrupted: readonly Operation[];
  close(): void;
}

const OPERATIONS_KEPT_DAYS = 90;
const DAY_MS = 24 * 60 * 60 * 1000;
/** While a swarm-utils of before, that is being replaced, still writes. */
const BUSY_TIMEOUT_MS = 5000;

/**
 * Opens, or makes, the SQLite database in a folder. Operations that had no verdict when the process before ended are
 * `interrupted`, and so are runs of the schedule; old records go, then and once a day.
 * @throws Error when the folder or the file can't be written, or the file is no database
 */
export function openStore(dataDir: string, now: Date): Store {
  const database = openDatabase(dataDir);
  removeOld(database, now);
  const history = createHistory(database, now);
  const interrupted = markInterrupted(database, history, now);
  return {
    history,
    interrupted,
    replay: createReplay(database),
    schedule: createScheduleStore(database, now),
    close: () => database.close(),
  };
}

function openDatabase(dataDir: string): DatabaseSync {
  const path = join(dataDir, 'swarm-utils.sqlite');
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    database.exec(schema);
    return database;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const message = `The database ${path} (SWARM_UTILS_DATA_DIR) can't be opened: ${detail}`;
    throw new Error(message, { cause: error });
  }
}

const schema = `
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
`;

function createHistory(database: DatabaseSync, now: Date): History {
  let lastRemoval = now.getTime();
  // Keeps the row of an operation that is known, and so the order of those of one millisecond.
  const save = database.prepare(
    'INSERT INTO operations (id, created_at, target_id, json) VALUES (?, ?, ?, ?) ' +
      'ON CONFLICT (id) DO UPDATE SET json = excluded.json',
  );
  const get = database.prepare('SELECT json FROM operations WHERE id = ?');
  const list = database.prepare('SELECT json FROM operations ORDER BY created_at DESC, rowid DESC LIMIT ?');
  const listByTarget = database.prepare(
    'SELECT json FROM operations WHERE target_id = ? ORDER BY created_at DESC, rowid DESC LIMIT ?',
  );
  return {
    save(operation) {
      save.run(operation.id, operation.createdAt, operation.target.id, JSON.stringify(operation));
      const createdAt = Date.parse(operation.createdAt);
      if (createdAt - lastRemoval > DAY_MS) {
        lastRemoval = createdAt;
        removeOld(database, new Date(createdAt));
      }
    },
    get(id) {
      const row = get.get(id);
      return row && readOperation(row);
    },
    list({ limit, targetId }) {
      return (targetId === undefined ? list.all(limit) : listByTarget.all(targetId, limit)).map(
        readOperation,
      );
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

function markInterrupted(database: DatabaseSync, history: History, now: Date): readonly Operation[] {
  const message = 'swarm-utils ended before the operation had its verdict; the swarm may have finished it.';
  const unfinished = database
    .prepare("SELECT json FROM operations WHERE json ->> 'status' IN ('queued', 'running')")
    .all();
  const interrupted = unfinished.map(
    (row): Operation => ({
      ...readOperation(row),
      status: 'interrupted',
      finishedAt: now.toISOString(),
      error: { code: 'interrupted', message },
    }),
  );
  interrupted.forEach(history.save);
  return interrupted;
}

function readOperation(row: Record<string, unknown>): Operation {
  return JSON.parse(String(row.json)) as Operation;
}

import { cpus, release } from 'node:os';
import type { Summary } from './statistics.ts';

/** A row of a table: what it is about, then its cells. */
export type Row = readonly string[];

/** Columns as wide as they must be; the first flush left, the others right. */
export function formatTable(head: Row, rows: readonly Row[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)));
  return all
    .map(row =>
      row.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      ),
    )
    .map(cells => cells.join('  ').trimEnd())
    .join('\n');
}

/** Three cells: smallest, median, largest. */
export function cells({ min, median, max }: Summary, format: (value: number) => string): Row {
  return [min, median, max].map(format);
}

export const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
export const milliseconds = (ms: number) => `${ms.toFixed(0)} ms`;
export const ratio = (value: number) => value.toFixed(2);
export const mebibytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

/** What the figures were taken on: they are worth nothing beside those of another machine. */
export function describeMachine(): string {
  const processors = cpus();
  return `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}`;
}

/** One line on whether a target was reached. */
export function describeTarget(what: string, isMet: boolean): string {
  return `${isMet ? '✔' : '✖'} ${what}: ${isMet ? 'met' : 'NOT met'}`;
}

import type { ValueReader } from './label-values.ts';
import { normalizeExpression } from './schedule.ts';
import { zoneTime } from './zone-time.ts';

export const cronExpressionValue: ValueReader<string> = {
  expects: 'a cron expression of five fields (minute first) or six (second first), for a time that comes',
  read: normalizeExpression,
};

export const timeZoneValue: ValueReader<string> = {
  expects: 'a time zone such as `Europe/Berlin`',
  read: text => (zoneTime(text) === undefined ? undefined : text),
};

import type { ValueReader } from './label-values.ts';
import { normalizeExpression } from './schedule.ts';
import { zoneTime } from './zone-time.ts';

export const cronExpressionValue: ValueReader<string> = {
  expects:
    'a cron expression that happens: minute, hour, day, month and weekday, with seconds before them if there are six',
  read: normalizeExpression,
};

export const timeZoneValue: ValueReader<string> = {
  expects: 'a time zone such as `Europe/Berlin`',
  read: text => (zoneTime(text) === undefined ? undefined : text),
};

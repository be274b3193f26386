#!/bin/sh
# cron 4.4.0 (npm): a full range of days counts as `*`, and a `*` with a step does not. Unix cron does the opposite of both.
#
# Where day and weekday are both restricted, either is enough. Unix cron (entry.c, DOM_STAR) looks at whether the field
# begins with a star; the package looks at whether the field holds every value.
# - `0 3 1-31 * 1`: every day for Unix cron (1-31 is no star); the package fires on Mondays only.
# - `0 3 */2 * 1`: Mondays with an odd date for Unix cron; the package fires on every odd date and on every Monday.
#
# Seen for January 2026: 4 days and 18 days, where the rule of Unix cron gives 31 and 2.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit --ignore-scripts cron@4.4.0
cat >look.mjs <<'JS'
import { CronTime } from 'cron';
import { DateTime } from 'luxon';
const daysInJanuary = expression => {
  const time = new CronTime(expression, 'UTC');
  const days = [];
  let from = DateTime.fromISO('2025-12-31T23:00:00Z', { zone: 'UTC' });
  for (;;) {
    from = time.getNextDateFrom(from, 'UTC');
    if (from.year > 2026 || from.month > 1) {
      return days;
    }
    days.push(from.day);
  }
};
const range = daysInJanuary('0 3 1-31 * 1');
const step = daysInJanuary('0 3 */2 * 1');
console.log(`0 3 1-31 * 1 -> ${range.length} days: ${range.join(' ')}`);
console.log(`0 3 */2 * 1  -> ${step.length} days: ${step.join(' ')}`);
const isAsSeen = range.join() === '5,12,19,26' && step.length === 18;
console.log(isAsSeen ? 'as seen' : 'CHANGED');
process.exit(isAsSeen ? 0 : 1);
JS
node look.mjs

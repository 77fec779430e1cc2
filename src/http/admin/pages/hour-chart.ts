import { html } from 'hono/html';

import type { Html } from './view.ts';

const HOUR_MS = 3_600_000;
const HOURS = 7 * 24;
/** Hours per column. */
const STEP = 3;
const COLUMNS = HOURS / STEP;
const HEIGHT = 20;

/** What came per three hours of the last week, as columns: when a sender works and since when it does not. */
export function hourChart(
  now: number,
  hours: readonly { readonly hour: number; readonly instances: number }[],
): Html {
  const last = Math.floor(now / HOUR_MS);
  const columns = new Array<number>(COLUMNS).fill(0);
  for (const { hour, instances } of hours) {
    const at = COLUMNS - 1 - Math.floor((last - hour) / STEP);
    if (at >= 0 && at < COLUMNS) columns[at] = (columns[at] ?? 0) + instances;
  }
  const highest = Math.max(1, ...columns);
  const total = columns.reduce((sum, count) => sum + count, 0);
  // A square root, so that a single image beside a thousand can still be seen.
  const bars = columns.map((count, at) => {
    const height = count === 0 ? 0 : Math.max(2, Math.sqrt(count / highest) * HEIGHT);
    return count === 0
      ? ''
      : html`<rect
          x="${at * 2}"
          y="${(HEIGHT - height).toFixed(1)}"
          width="1.6"
          height="${height.toFixed(1)}"
        />`;
  });
  return html`<svg
    class="hours"
    viewBox="0 0 ${COLUMNS * 2} ${HEIGHT}"
    role="img"
    aria-label="${total.toLocaleString('en')} images in the last 7 days"
  >
    <line x1="0" y1="${HEIGHT - 0.25}" x2="${COLUMNS * 2}" y2="${HEIGHT - 0.25}" />
    ${bars}
  </svg>`;
}

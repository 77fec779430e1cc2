import { WriteStream } from 'node:tty';

import { Presets, SingleBar } from 'cli-progress';

import type { OutputStream } from './context.ts';

export interface ProgressBar {
  /** @param total of the same unit as `done`; may change. */
  show(done: number, total: number, text: string): void;
  close(): void;
}

/** A bar for people at a terminal; nothing is shown to anybody else. It goes away when it is closed. */
export function createProgressBar(stream: OutputStream, isWanted = true): ProgressBar {
  if (!isWanted || !(stream instanceof WriteStream)) return { show: () => undefined, close: () => undefined };
  const bar = new SingleBar(
    { stream, format: '{bar} {percentage}% {text}', hideCursor: true, clearOnComplete: true, barsize: 24 },
    Presets.shades_classic,
  );
  bar.start(1, 0, { text: '' });
  return {
    show(done, total, text) {
      bar.setTotal(Math.max(1, total));
      bar.update(done, { text });
    },
    close: () => bar.stop(),
  };
}

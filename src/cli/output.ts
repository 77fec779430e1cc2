import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { CliContext, OutputStream } from './context.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Prints for people, with colour only where it is wanted. */
export type Painter = (style: Style, text: string) => string;

/** Colour for terminals that show it; NO_COLOR (no-color.org) turns it off, FORCE_COLOR on. */
export function createPainter(stream: OutputStream, env: CliContext['env']): Painter {
  const isColoured = wantsColour(stream, env);
  return (style, text) => (isColoured ? styleText(style, text, { validateStream: false }) : text);
}

export function wantsColour(stream: OutputStream, env: CliContext['env']): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false;
  if ((env.FORCE_COLOR ?? '') !== '') return env.FORCE_COLOR !== '0';
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** One JSON document, for programs. */
export function printJson(stream: OutputStream, value: unknown): void {
  stream.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** A table without frames, so that lines can be copied and grepped. Ends with a line break. */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  paint: Painter,
): string {
  const table = new Table({
    head: columns.map(({ title }) => paint('dim', title)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push(...rows.map((row) => row.map(printable)));
  const lines = table.toString().split('\n');
  return `${lines.map((line) => `  ${line.trimEnd()}`.trimEnd()).join('\n')}\n`;
}

/** Text from outside without control characters, which could write to the terminal behind the reader's back. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (control, offset: number) => {
    // Colours of our own painter may stay.
    const isColour = control === '\u001b' && /^\[[\d;]*m/.test(text.slice(offset + 1, offset + 12));
    return isColour ? control : '\ufffd';
  });
}

/** `1.2 GB`, in powers of 1000. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** `12 345`, with thin groups that every terminal can show. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ' ');
}

/** `5 s`, `12 min`, `3 h 20 min`, `4 d 2 h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

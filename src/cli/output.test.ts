import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration, printable, renderTable } from './output.ts';

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [526_336, '526 kB'],
  [999_999, '1.0 MB'],
  [1_073_741_824, '1.1 GB'],
])('%i bytes read %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([
  [1, '1'],
  [1234, '1 234'],
  [12_345_678, '12 345 678'],
])('count %i reads %s', (count, text) => {
  expect(formatCount(count)).toBe(text);
});

it.each([
  [-5, '0 s'],
  [59_000, '59 s'],
  [90_000, '1 min'],
  [3 * 3_600_000, '3 h'],
  [3 * 3_600_000 + 720_000, '3 h 12 min'],
  [50 * 3_600_000, '2 d 2 h'],
])('%i ms read %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

describe('a table', () => {
  const plain = (_style: string, text: string): string => text;

  it('lines up, without frames or trailing spaces', () => {
    const text = renderTable(
      [{ title: 'NAME' }, { title: 'SIZE', align: 'right' }, { title: 'WHY' }],
      [
        ['a', '1', ''],
        ['longer', '12 345', 'because'],
      ],
      plain,
    );
    expect(text).toBe('  NAME      SIZE  WHY\n  a            1\n  longer  12 345  because\n');
  });

  it('shows no control characters of what came from outside', () => {
    expect(printable('a\u001b]0;title\u0007b\r\n')).toBe('a\ufffd]0;title\ufffdb\ufffd\ufffd');
    expect(printable('\u001b[32mgreen\u001b[39m')).toBe('\u001b[32mgreen\u001b[39m');
  });
});

import { expect, it } from 'vitest';

import { shownPath, systemPath, textOfName } from './system-path.ts';

it('leaves names in UTF-8 as they are', () => {
  for (const name of ['IM1', 'é\n\u{1f600}\ufffd', ''] as const) {
    expect(textOfName(Buffer.from(name))).toBe(name);
    expect(systemPath(name)).toBe(name);
    expect(shownPath(name)).toBe(name);
  }
});

it('leads from the string of any bytes back to them, and gives different names different strings', () => {
  const names = ['4de9', 'e9', 'c3', 'c328', 'f09f98', 'eda080', 'ff00fe', '61c3a9e962'].map((hex) =>
    Buffer.from(hex, 'hex'),
  );
  const texts = names.map((bytes) => textOfName(bytes));
  expect(new Set(texts).size).toBe(names.length);
  expect(texts.map((text) => Buffer.from(systemPath(text) as Buffer).toString('hex'))).toEqual(
    names.map((bytes) => bytes.toString('hex')),
  );
});

it('shows the bytes', () => {
  expect(shownPath(textOfName(Buffer.from('Müller.dcm', 'latin1')))).toBe('M%FCller.dcm');
});

import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { characterSet } from './character-set.ts';

/** Bytes written as Latin-1 text, ESC as `~`. */
function bytes(text: string): Buffer {
  return Buffer.from(text.replaceAll('~', '\x1b'), 'latin1');
}

function name(charset: string | undefined, text: string): string {
  return characterSet(charset).decode(bytes(text), 'person-name');
}

describe('sets without code extensions', () => {
  it.each([
    ['ISO_IR 100', '\xc4neas^R\xfcdiger', 'Äneas^Rüdiger'],
    ['ISO_IR 101', 'Wa\xb3\xeasa', 'Wałęsa'],
    ['ISO_IR 109', '\xa1', 'Ħ'],
    ['ISO_IR 110', '\xa1', 'Ą'],
    ['ISO_IR 144', '\xbb\xee\xdace\xdc\xd1yp\xd3', 'Люкceмбypг'],
    ['ISO_IR 127', '\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1', 'قباني^لنزار'],
    ['ISO_IR 126', '\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2', 'Διονυσιος'],
    ['ISO_IR 138', '\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4', 'שרון^דבורה'],
    ['ISO_IR 148', '\xfe\xfd\xf0', 'şığ'],
    ['ISO_IR 166', '\xa1\xd2', 'กา'],
    ['ISO_IR 203', '\xa4 \xbd', '€ œ'],
    ['ISO_IR 13', '\xd4\xcf\xc0\xde^\xc0\xdb\xb3', 'ﾔﾏﾀﾞ^ﾀﾛｳ'],
    ['ISO_IR 192', 'Wang=\xe7\x8e\x8b^\xe5\xb0\x8f', 'Wang=王^小'],
    ['GB18030', 'Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=', 'Wang^XiaoDong=王^小东='],
    ['GBK', '\xcd\xf5^\xd0\xa1\xb6\xab', '王^小东'],
  ])('%s', (charset, encoded, decoded) => {
    expect(name(charset, encoded)).toBe(decoded);
    expect(characterSet(charset).issue).toBeUndefined();
  });

  it('does not take the second byte of a GB18030 character for a delimiter', () => {
    // 8A 5C, B5 5E: characters whose second bytes are a backslash and a caret in ASCII.
    expect(characterSet('GB18030').decode(bytes('\x8a\x5c\\\xb5\x5e'))).toBe('奬\\礮');
  });
});

describe('code extensions (PS3.5 6.1.2.5)', () => {
  it('switches between the Japanese sets as in PS3.5 H.3', () => {
    expect(name('\\ISO 2022 IR 87', 'Yamada^Tarou=~$B;3ED~(B^~$BB@O:~(B=~$B$d$^$@~(B^~$B$?$m$&~(B')).toBe(
      'Yamada^Tarou=山田^太郎=やまだ^たろう',
    );
    expect(
      name(
        'ISO 2022 IR 13\\ISO 2022 IR 87',
        '\xd4\xcf\xc0\xde^\xc0\xdb\xb3=~$B;3ED~(J^~$BB@O:~(J=~$B$d$^$@~(J^~$B$?$m$&~(J',
      ),
    ).toBe('ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう');
  });

  it('switches to Korean as in PS3.5 I.2', () => {
    expect(
      name(
        '\\ISO 2022 IR 149',
        'Hong^Gildong=~$)C\xfb\xf3^~$)C\xd1\xce\xd4\xd7=~$)C\xc8\xab^~$)C\xb1\xe6\xb5\xbf',
      ),
    ).toBe('Hong^Gildong=洪^吉洞=홍^길동');
  });

  it('switches to Chinese as in PS3.5 K.2', () => {
    expect(name('\\ISO 2022 IR 58', 'Zhang^XiaoDong=~$)A\xd5\xc5^~$)A\xd0\xa1\xb6\xab=')).toBe(
      'Zhang^XiaoDong=张^小东=',
    );
  });

  it('reads the supplementary kanji of JIS X 0212', () => {
    expect(name('\\ISO 2022 IR 159', '~$(D0!~(B')).toBe('丂');
  });

  it('switches between single-byte sets', () => {
    expect(
      characterSet('ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126').decode(
        bytes('R\xfcdiger ~-L\xbb\xee ~-F\xc4\xe9'),
      ),
    ).toBe('Rüdiger Лю Δι');
  });

  it('is back at the first set after each delimiter', () => {
    const set = characterSet('ISO 2022 IR 100\\ISO 2022 IR 144');
    expect(set.decode(bytes('~-L\xe4\\\xe4'))).toBe('ф\\ä');
    expect(set.decode(bytes('~-L\xe4\r\n\xe4'))).toBe('ф\r\nä');
    expect(set.decode(bytes('~-L\xe4^\xe4=\xe4'), 'person-name')).toBe('ф^ä=ä');
    expect(set.decode(bytes('~-L\xe4^\xe4=\xe4'), 'text')).toBe('ф^ф=ф');
  });

  it('does not take the bytes of a kanji for delimiters', () => {
    // 38 5C: its second byte is a backslash in ASCII.
    expect(name('\\ISO 2022 IR 87', '~$B8\\~(B\\B')).toBe('顧\\B');
  });

  it('shows what it cannot decode as U+FFFD', () => {
    expect(name('\\ISO 2022 IR 87', 'A~zB')).toBe('A\ufffdzB');
    expect(name('\\ISO 2022 IR 87', '~$B;~(B^B')).toBe('\ufffd^B');
    expect(name('ISO 2022 IR 13', '\xe5')).toBe('\ufffd');
  });

  it('decodes undeclared bytes with the only extension named, where the escape sequence was forgotten', () => {
    expect(name('\\ISO 2022 IR 149', '\xc8\xab^\xb1\xe6')).toBe('홍^길');
  });
});

describe('terms that devices get wrong', () => {
  it.each([
    'ISO-IR 100',
    'ISO IR 100',
    'ISO_IR_100',
    'ISO_IR100',
    'ISO 2022_IR_100',
    'ISO_2022_IR_100',
    'ISO2022 IR 100',
    'iso_ir 100',
    'ISO 8859-1',
    'ISO-8859-1',
    'Latin1',
  ])('%s is Latin-1, and is reported', (charset) => {
    expect(name(charset, 'J\xe9r\xf4me')).toBe('Jérôme');
    expect(characterSet(charset).issue).toContain('misspelled');
  });

  it.each(['UTF-8', 'UTF8', 'ISO-IR 192', 'ISO 2022 IR 192', '\\ISO_IR 192'])('%s is UTF-8', (charset) => {
    expect(name(charset, '\xe7\x8e\x8b')).toBe('王');
    expect(characterSet(charset).issue).toBeDefined();
  });

  it('ignores padding and spaces around terms', () => {
    expect(name(' ISO_IR 100 ', '\xe9')).toBe('é');
    expect(characterSet(' ISO_IR 100 ').issue).toBeUndefined();
  });

  it('reads unknown terms as UTF-8 or Latin-1 and says so', () => {
    const set = characterSet('KLINGON 7');
    expect(set.decode(bytes('\xe9 \xe7\x8e\x8b'))).toBe('é 王');
    expect(set.issue).toBe(
      'Specific Character Set "KLINGON 7" is unknown: read as UTF-8 where valid, else as Latin-1.',
    );
  });

  it('ignores an encoding of its own behind another set', () => {
    expect(name('ISO_IR 100\\ISO_IR 192', '\xe9')).toBe('é');
    expect(characterSet('ISO_IR 100\\ISO_IR 192').issue).toContain('code extensions');
  });
});

describe('the default repertoire', () => {
  it.each([undefined, '', 'ISO_IR 6', 'ISO 2022 IR 6'])('%s is ASCII', (charset) => {
    expect(name(charset, 'Doe^John')).toBe('Doe^John');
    expect(characterSet(charset).issue).toBeUndefined();
  });

  it('reads bytes it does not have as UTF-8 where they are that, else as Latin-1', () => {
    expect(name(undefined, 'M\xc3\xbcller')).toBe('Müller');
    expect(name(undefined, 'M\xfcller')).toBe('Müller');
  });
});

it('decodes any bytes by any term without throwing', () => {
  const terms = [
    '',
    'ISO_IR 100',
    'ISO 2022 IR 87',
    'ISO 2022 IR 149',
    'ISO_IR 192',
    'GB18030',
    'ISO_IR 13',
    'X',
  ];
  const anyBytes = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0x1b, 0x24, 0x42, 0x28, 0x29, 0x5c)));
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...terms)), anyBytes, (values, numbers) => {
      const text = characterSet(values.join('\\')).decode(Buffer.from(numbers), 'person-name');
      expect(text.length).toBeLessThanOrEqual(numbers.length);
    }),
  );
});

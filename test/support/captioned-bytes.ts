/** Golden bytes that a person can check: each entry is hex digits, or text in quotes, with a caption saying what it is. */
export type CaptionedBytes = readonly (readonly [bytes: string, caption: string])[];

/** Joins captioned bytes: `01 00`, or `"text"` for ISO 646 characters, or `"text"*16` padded with spaces to 16. */
export function bytesOf(parts: CaptionedBytes): Buffer {
  return Buffer.concat(parts.map(([text, caption]) => partBytes(text, caption)));
}

function partBytes(text: string, caption: string): Buffer {
  const quoted = /^"(.*)"(?:\*(\d+))?$/.exec(text);
  if (quoted !== null) return Buffer.from((quoted[1] ?? '').padEnd(Number(quoted[2] ?? 0)), 'latin1');
  const repeated = /^([0-9a-f]{2})\*(\d+)$/i.exec(text);
  if (repeated !== null) return Buffer.alloc(Number(repeated[2]), Number.parseInt(repeated[1] ?? '', 16));
  const hex = text.replace(/\s+/g, '');
  if (!/^(?:[0-9a-f]{2})*$/i.test(hex)) throw new RangeError(`not hex: ${text} (${caption})`);
  return Buffer.from(hex, 'hex');
}

/** Line and column in a text, both from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** A JSON text as a value, and where each part of it stands. */
export interface JsonDocument {
  readonly value: unknown;
  /** Position of the value at `path`, or of the nearest enclosing one that exists. */
  positionOf(path: readonly PropertyKey[]): TextPosition;
}

/** Not JSON (RFC 8259), or a name used twice in one object. The message quotes nothing of the text. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly position: TextPosition;
  constructor(message: string, position: TextPosition) {
    super(message);
    this.position = position;
  }
}

/** Deepest nesting that is read; a configuration needs five. */
const MAX_DEPTH = 64;

/**
 * Reads JSON strictly and remembers positions. JSON.parse will not do: its messages quote the text (and with it
 * secrets), often lack a position, and of two entries with one name it silently drops the first.
 * @throws JsonSyntaxError
 */
export function parseJsonDocument(text: string): JsonDocument {
  const positions = new Map<string, number>();
  let at = text.startsWith('\uFEFF') ? 1 : 0;

  function fail(message: string, offset = at): never {
    throw new JsonSyntaxError(message, positionAt(text, offset));
  }

  function skipSpace(): void {
    while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at += 1;
    if (text.startsWith('//', at) || text.startsWith('/*', at)) fail('JSON has no comments: remove this one');
  }

  function readString(): string {
    const start = at;
    for (at += 1; at < text.length; at += 1) {
      const character = text.charAt(at);
      if (character === '"') {
        at += 1;
        try {
          return JSON.parse(text.slice(start, at)) as string;
        } catch {
          return fail(
            'a backslash escape in this string is not one of JSON’s; write \\\\ for a backslash',
            start,
          );
        }
      }
      if (character < ' ') fail('a string must end on its line: is the closing quote missing?', start);
      if (character === '\\') at += 1;
    }
    return fail('this string has no closing quote', start);
  }

  function readObject(path: string, depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    at += 1;
    skipSpace();
    if (text[at] === '}') {
      at += 1;
      return object;
    }
    for (;;) {
      if (text[at] === '}') fail('a comma before } is not allowed: remove it');
      if (text[at] !== '"') fail('expected a name in double quotes');
      const nameAt = at;
      const name = readString();
      if (name === '__proto__') fail('this name is not allowed', nameAt);
      if (Object.hasOwn(object, name)) fail(`${JSON.stringify(name)} stands twice in this object`, nameAt);
      skipSpace();
      if (text[at] !== ':') fail('expected a colon after the name');
      at += 1;
      object[name] = readValue(`${path}/${JSON.stringify(name)}`, depth);
      skipSpace();
      if (text[at] === '}') {
        at += 1;
        return object;
      }
      if (text[at] !== ',')
        fail(at < text.length ? 'expected a comma or }' : 'the file ends inside an object: } is missing');
      at += 1;
      skipSpace();
    }
  }

  function readArray(path: string, depth: number): unknown[] {
    const array: unknown[] = [];
    at += 1;
    skipSpace();
    if (text[at] === ']') {
      at += 1;
      return array;
    }
    for (;;) {
      if (text[at] === ']') fail('a comma before ] is not allowed: remove it');
      array.push(readValue(`${path}/${array.length}`, depth));
      skipSpace();
      if (text[at] === ']') {
        at += 1;
        return array;
      }
      if (text[at] !== ',')
        fail(at < text.length ? 'expected a comma or ]' : 'the file ends inside a list: ] is missing');
      at += 1;
      skipSpace();
    }
  }

  function readValue(path: string, depth: number): unknown {
    skipSpace();
    if (depth > MAX_DEPTH) fail('nested too deeply');
    positions.set(path, at);
    const character = text[at];
    if (character === undefined) return fail('the file ends where a value is expected');
    if (character === '{') return readObject(path, depth + 1);
    if (character === '[') return readArray(path, depth + 1);
    if (character === '"') return readString();
    if (character === "'") return fail('strings stand in double quotes');
    const word = /^[\w.+-]+/.exec(text.slice(at, at + 64))?.[0] ?? '';
    if (word === 'true' || word === 'false' || word === 'null' || isJsonNumber(word)) {
      at += word.length;
      return JSON.parse(word) as unknown;
    }
    return fail('expected a value: a string in double quotes, a number, true, false, null, { or [');
  }

  skipSpace();
  if (at >= text.length) fail('the file is empty');
  const value = readValue('', 0);
  skipSpace();
  if (at < text.length) fail('nothing may follow the closing brace');

  return {
    value,
    positionOf(path) {
      for (let length = path.length; length > 0; length -= 1) {
        const key = path
          .slice(0, length)
          .map((part) => `/${typeof part === 'number' ? part : JSON.stringify(String(part))}`)
          .join('');
        const offset = positions.get(key);
        if (offset !== undefined) return positionAt(text, offset);
      }
      return positionAt(text, positions.get('') ?? 0);
    },
  };
}

function isJsonNumber(word: string): boolean {
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(word);
}

function positionAt(text: string, offset: number): TextPosition {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

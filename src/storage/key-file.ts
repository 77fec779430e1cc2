import type { SigningKey } from '../core/access/object-token.ts';

/** The key file cannot be used; the message says what to do and holds no secret. */
export class KeyRingError extends Error {
  override readonly name = 'KeyRingError';
}

const FORMAT_VERSION = 1;
const ID_PATTERN = /^[A-Za-z0-9]{1,32}$/;
const SECRET_PATTERN = /^[A-Za-z0-9_-]{43,}$/;

/** The content of the key file, oldest key first. */
export function formatKeyFile(keys: readonly SigningKey[]): string {
  const entries = keys.map(({ id, createdAt, secret }) => ({
    id,
    createdAt: new Date(createdAt).toISOString(),
    secret: secret.toString('base64url'),
  }));
  return `${JSON.stringify({ version: FORMAT_VERSION, keys: entries }, undefined, 2)}\n`;
}

/**
 * Reads the content of a key file.
 * @param file its path, for messages.
 * @throws KeyRingError naming what is wrong; never quotes the content.
 */
export function parseKeyFile(text: string, file: string): readonly SigningKey[] {
  const damaged = (what: string): KeyRingError =>
    new KeyRingError(
      `the key file ${file} is damaged: ${what}. Restore it from a backup, or delete it to start with new keys ` +
        '(object URLs handed out so far stop working)',
    );

  const document = parseJson(text);
  if (!isRecord(document)) throw damaged('it is not a JSON object');
  if (document.version !== FORMAT_VERSION) throw damaged(`its version is not ${FORMAT_VERSION}`);
  const entries = document.keys;
  if (!Array.isArray(entries) || entries.length === 0) throw damaged('it holds no keys');
  const keys = entries.map((entry: unknown, index): SigningKey => {
    const { id, createdAt, secret } = isRecord(entry) ? entry : {};
    if (typeof id !== 'string' || !ID_PATTERN.test(id)) throw damaged(`keys[${index}].id is not an id`);
    if (typeof secret !== 'string' || !SECRET_PATTERN.test(secret))
      throw damaged(`keys[${index}].secret is not a secret of at least 32 bytes`);
    const created = typeof createdAt === 'string' ? Date.parse(createdAt) : NaN;
    if (Number.isNaN(created)) throw damaged(`keys[${index}].createdAt is not a time`);
    return { id, secret: Buffer.from(secret, 'base64url'), createdAt: created };
  });
  if (new Set(keys.map((key) => key.id)).size < keys.length) throw damaged('it holds two keys of one id');
  return keys;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

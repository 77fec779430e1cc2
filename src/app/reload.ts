import { isDeepStrictEqual } from 'node:util';

import type { Config } from '../config/config.ts';

/** Sections that are read once, at start: listeners, folders on disk and clients are built from them. */
const RESTART_ONLY = [
  'dataDir',
  'dimse',
  'http',
  'admin',
  'avara',
  'studies',
  'access',
  'dicomWeb',
  'storage',
  'audit',
  'retention',
] as const;

/** The sections that differ and that a running daemon cannot take over. Secrets are compared by value. */
export function restartOnlyChanges(current: Config, next: Config): readonly string[] {
  return RESTART_ONLY.filter(
    (section) => !isDeepStrictEqual(fixedPart(current, section), fixedPart(next, section)),
  );
}

/** A section without what a running daemon does take over. */
function fixedPart(config: Config, section: (typeof RESTART_ONLY)[number]): unknown {
  if (section === 'dimse')
    return revealed({ ...config.dimse, peers: [], tls: withoutPassphrase(config.dimse.tls) });
  if (section === 'http') return revealed({ ...config.http, tls: withoutPassphrase(config.http.tls) });
  if (section === 'access') return revealed({ ...config.access, tokens: [] });
  if (section === 'retention') {
    const { filesPerSecond, checkIntervalMinutes } = config.retention;
    return { filesPerSecond, checkIntervalMinutes };
  }
  return revealed(config[section]);
}

/** The passphrase of a key is taken over together with the key. */
function withoutPassphrase<Tls extends object>(tls: Tls | null): Tls | null {
  return tls && { ...tls, keyPassphrase: undefined };
}

/**
 * A throw-away copy for comparing: secrets hide their value from comparison as from everything else, and are revealed in
 * it. Never to be logged.
 */
export function revealed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('reveal' in value && typeof value.reveal === 'function')
    return (value.reveal as () => unknown).call(value);
  if (Array.isArray(value)) return value.map(revealed);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revealed(item)]));
}

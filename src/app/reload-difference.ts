import { isDeepStrictEqual } from 'node:util';

import type { Config, CustomerConfig, RouteConfig } from '../config/config.ts';
import { revealed } from './reload.ts';

/** What a reload did to one list of the configuration; empty lists are left out. */
export interface ListDifference {
  readonly added?: readonly string[];
  readonly changed?: readonly string[];
  readonly removed?: readonly string[];
}

/** What a reload changed, by section, for the log: names of entries and settings, never the value of a secret. */
export type ReloadDifference = Readonly<
  Partial<
    Record<'customers' | 'routes' | 'folders' | 'accessTokens' | 'dimsePeers' | 'alerts', ListDifference>
  >
>;

/** Compares two configurations in what a running daemon takes over. Sections without a change are left out. */
export function reloadDifference(current: Config, next: Config): ReloadDifference {
  const sections = {
    customers: compare(
      new Map(Object.entries(current.customers)),
      new Map(Object.entries(next.customers)),
      (key, before, after) => `${key}: ${changedSettings(before, after).join(', ')}`,
    ),
    routes: compare(byName(current.routes, routeText), byName(next.routes, routeText)),
    folders: compare(
      byName(current.folders, ({ path }) => path),
      byName(next.folders, ({ path }) => path),
    ),
    accessTokens: compare(
      byName(current.access.tokens, ({ name }) => name),
      byName(next.access.tokens, ({ name }) => name),
    ),
    dimsePeers: compare(
      byName(current.dimse.peers, ({ aeTitle }) => aeTitle),
      byName(next.dimse.peers, ({ aeTitle }) => aeTitle),
    ),
    alerts: compare(new Map(Object.entries(current.alerts)), new Map(Object.entries(next.alerts))),
  };
  return Object.fromEntries(Object.entries(sections).filter(([, change]) => Object.keys(change).length > 0));
}

function compare<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  describe: (key: string, before: T, after: T) => string = (key) => key,
): ListDifference {
  const added = [...after.keys()].filter((key) => !before.has(key));
  const removed = [...before.keys()].filter((key) => !after.has(key));
  const changed = [...after].flatMap(([key, value]) => {
    const old = before.get(key);
    return old === undefined || isDeepStrictEqual(revealed(old), revealed(value))
      ? []
      : [describe(key, old, value)];
  });
  return {
    ...(added.length > 0 && { added }),
    ...(changed.length > 0 && { changed }),
    ...(removed.length > 0 && { removed }),
  };
}

function byName<T>(items: readonly T[], nameOf: (item: T) => string): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [nameOf(item), item]));
}

/** Names of the customer's settings that differ, those of its account by their own names. */
function changedSettings(before: CustomerConfig, after: CustomerConfig): readonly string[] {
  const flat = ({ avara, ...rest }: CustomerConfig): Record<string, unknown> => ({
    ...rest,
    ...Object.fromEntries(Object.entries(avara).map(([name, value]) => [`avara.${name}`, value])),
  });
  const [old, now] = [flat(before), flat(after)];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
    (name) => !isDeepStrictEqual(revealed(old[name]), revealed(now[name])),
  );
}

/** `CITYMED (from CT1, MR1 at 10.20.0.0/16) → city-medical`. */
function routeText({ calledAe, callingAe, from, customer }: RouteConfig): string {
  const senders = [callingAe?.join(', '), from && `at ${from.join(', ')}`].filter(
    (part) => part !== undefined,
  );
  return `${calledAe}${senders.length === 0 ? '' : ` (from ${senders.join(' ')})`} → ${customer}`;
}

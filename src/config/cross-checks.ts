import { isIPv4 } from 'node:net';
import { resolve, sep } from 'node:path';
import type { z } from 'zod';
import type { RawProblem } from './problems.ts';
import { suggestion } from './problems.ts';
import { configSchema } from './schema.ts';
import { accessTokenSchema } from './sections/access.ts';
import { folderSchema } from './sections/folders.ts';
import { routeSchema } from './sections/routes.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * Finds what is wrong between entries that are each well formed. Works on the file's expanded JSON, section by
 * section, so that one malformed entry elsewhere does not hide these problems.
 * @param folder folder that relative paths start at.
 */
export function crossCheck(document: unknown, folder: string): readonly RawProblem[] {
  const root = asObject(document);
  return [
    ...checkCustomerReferences(root),
    ...checkCustomers(root),
    ...checkRoutes(root),
    ...checkFolders(root, folder),
    ...checkTokens(root),
    ...checkListeners(root),
    ...checkRetention(root),
  ];
}

function checkCustomerReferences(root: Json): RawProblem[] {
  const known = Object.keys(asObject(root.customers));
  const references = [
    ...asList(root.routes).map((route, index) => ({
      path: ['routes', index, 'customer'],
      name: asObject(route).customer,
    })),
    ...asList(root.folders).map((entry, index) => ({
      path: ['folders', index, 'customer'],
      name: asObject(entry).customer,
    })),
    ...asList(asObject(root.access).tokens).flatMap((token, index) =>
      asList(asObject(token).customers).map((name, position) => ({
        path: ['access', 'tokens', index, 'customers', position],
        name,
      })),
    ),
  ];
  return references.flatMap(({ path, name }) =>
    typeof name !== 'string' || known.includes(name)
      ? []
      : [{ path, message: `no such customer in "customers"; ${suggestion(name, known)}` }],
  );
}

function checkCustomers(root: Json): RawProblem[] {
  const shared = asObject(root.avara);
  const ownerOf = new Map<string, string>();
  return Object.entries(asObject(root.customers)).flatMap(([key, value]) => {
    const customer = asObject(value);
    const problems: RawProblem[] = [];
    const id = customer.expressCustomerId;
    if (typeof id === 'string') {
      const owner = ownerOf.get(id.toLowerCase());
      if (owner === undefined) ownerOf.set(id.toLowerCase(), key);
      else {
        problems.push({
          path: ['customers', key, 'expressCustomerId'],
          message: `is also that of "${owner}"; two customers must not share one Express customer`,
        });
      }
    }
    for (const setting of ['apiKey', 'webhookSecret']) {
      if (asObject(customer.avara)[setting] === undefined && shared[setting] === undefined) {
        problems.push({
          path: ['customers', key],
          message: `has no ${setting}: set avara.${setting}, or customers.${key}.avara.${setting}`,
        });
      }
    }
    return problems;
  });
}

function checkRoutes(root: Json): RawProblem[] {
  const indexOf = new Map<string, number>();
  return valid(routeSchema, asList(root.routes)).flatMap(({ index, value: route }) => {
    // A rule with several senders stands for one rule per combination; each may be written once.
    const combinations = (route.callingAe ?? ['*']).flatMap((callingAe) =>
      (route.from ?? ['*']).map((from) => JSON.stringify([route.calledAe, callingAe, from.toLowerCase()])),
    );
    const earlier = combinations
      .map((combination) => indexOf.get(combination))
      .find((found) => found !== undefined);
    for (const combination of combinations) if (!indexOf.has(combination)) indexOf.set(combination, index);
    if (earlier === undefined || earlier === index) return [];
    return [
      {
        path: ['routes', index],
        message: `admits a sender that routes[${earlier}] already admits in the same words; remove one of the two`,
      },
    ];
  });
}

function checkFolders(root: Json, folder: string): RawProblem[] {
  const dataDir = resolve(folder, typeof root.dataDir === 'string' ? root.dataDir : './data');
  const folders = valid(folderSchema, asList(root.folders)).map(({ index, value }) => ({
    index,
    value,
    path: resolve(folder, value.path),
  }));
  return folders.flatMap(({ index, value, path }, position) => {
    const overlapping = folders.slice(0, position).find((other) => overlaps(other.path, path));
    const at = ['folders', index, 'path'];
    const problems: RawProblem[] = [];
    if (overlaps(dataDir, path)) {
      problems.push({
        path: at,
        message: `must not overlap the data folder ${dataDir}, whose files would be imported`,
      });
    } else if (overlapping !== undefined) {
      problems.push({
        path: at,
        message: `must not overlap folders[${overlapping.index}]: a file would belong to both`,
      });
    }
    const target = value.moveTo === undefined ? undefined : resolve(folder, value.moveTo);
    const message = moveProblem(value.afterImport, target, path, [
      dataDir,
      ...folders.filter((other) => other.index !== index).map((other) => other.path),
    ]);
    if (message !== undefined) problems.push({ path: ['folders', index, 'moveTo'], message });
    return problems;
  });
}

/** @param others the data folder and the other watched folders. */
function moveProblem(
  afterImport: 'delete' | 'move' | 'keep',
  target: string | undefined,
  watched: string,
  others: readonly string[],
): string | undefined {
  if (target === undefined)
    return afterImport === 'move' ? 'must be given with afterImport "move"' : undefined;
  if (afterImport !== 'move') return `has no meaning with afterImport "${afterImport}"; leave it out`;
  if (isWithin(watched, target)) return 'must not hold the watched folder: stored files would be seen again';
  const other = others.find((one) => overlaps(one, target));
  return other === undefined ? undefined : `must not overlap ${other}`;
}

function checkRetention(root: Json): RawProblem[] {
  const { lowBytes, highBytes } = asObject(asObject(root.retention).freeSpace);
  const reserve =
    asObject(root.storage).reserveBytes ?? configSchema.shape.storage.parse(undefined).reserveBytes;
  if (typeof lowBytes !== 'number' || typeof highBytes !== 'number') return [];
  const problems: RawProblem[] = [];
  if (highBytes < lowBytes)
    problems.push({
      path: ['retention', 'freeSpace', 'highBytes'],
      message: 'must not be less than lowBytes',
    });
  if (typeof reserve === 'number' && lowBytes < reserve)
    problems.push({
      path: ['retention', 'freeSpace', 'lowBytes'],
      message: `must not be less than storage.reserveBytes (${reserve}), below which nothing is taken in any more`,
    });
  return problems;
}

function checkTokens(root: Json): RawProblem[] {
  const names = new Map<string, number>();
  const tokens = new Map<string, number>();
  const all = valid(accessTokenSchema, asList(asObject(root.access).tokens));
  return all.flatMap(({ index, value }) => {
    const problems: RawProblem[] = [];
    const sameName = names.get(value.name);
    const sameToken = tokens.get(value.token.reveal());
    if (sameName !== undefined) {
      problems.push({
        path: ['access', 'tokens', index, 'name'],
        message: `is also the name of access.tokens[${sameName}]; names must differ, for the audit trail`,
      });
    }
    if (sameToken !== undefined) {
      problems.push({
        path: ['access', 'tokens', index, 'token'],
        message: `is the same as that of access.tokens[${sameToken}]; list the customers in one entry, or use two tokens`,
      });
    }
    names.set(value.name, index);
    tokens.set(value.token.reveal(), index);
    return problems;
  });
}

function checkListeners(root: Json): RawProblem[] {
  const problems: RawProblem[] = [];
  const admin = configSchema.shape.admin.safeParse(root.admin).data;
  if (admin !== undefined && admin.token === undefined && !isLoopback(admin.host)) {
    problems.push({
      path: ['admin', 'host'],
      message: 'must be a loopback address ("127.0.0.1", "::1") as long as there is no admin.token',
    });
  }
  const dimse = configSchema.shape.dimse.safeParse(root.dimse).data;
  if (dimse?.tls && dimse.tls.clientCert !== 'none' && dimse.tls.ca === undefined) {
    problems.push({
      path: ['dimse', 'tls'],
      message: `needs "ca" to check client certificates with (clientCert is "${dimse.tls.clientCert}")`,
    });
  }
  if (dimse?.tls?.clientCert === 'none' && Object.keys(dimse.tls.callingAeBySubject).length > 0) {
    problems.push({
      path: ['dimse', 'tls', 'callingAeBySubject'],
      message: 'needs client certificates: set clientCert to "optional" or "required", and "ca"',
    });
  }
  if (dimse?.tls?.clientCert === 'none' && dimse.tls.crl !== undefined) {
    problems.push({
      path: ['dimse', 'tls', 'crl'],
      message:
        'is for client certificates, and none are asked for: set clientCert to "optional" or "required", and "ca"',
    });
  }
  const http = configSchema.shape.http.safeParse(root.http).data;
  const listeners = Object.entries({ dimse, http, admin }).flatMap(([name, listener]) =>
    listener === undefined || listener.port === 0 ? [] : [{ name, host: listener.host, port: listener.port }],
  );
  for (const [index, listener] of listeners.entries()) {
    const other = listeners
      .slice(0, index)
      .find(({ host, port }) => port === listener.port && hostsOverlap(host, listener.host));
    if (other === undefined) continue;
    problems.push({
      path: [listener.name, 'port'],
      message: `is also that of ${other.name}; every listener needs a port of its own`,
    });
  }
  return problems;
}

/** Whether only this machine can reach a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function hostsOverlap(a: string, b: string): boolean {
  const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';
  return a === b || isWildcard(a) || isWildcard(b);
}

function overlaps(a: string, b: string): boolean {
  return isWithin(a, b) || isWithin(b, a);
}

/** Whether `path` is `folder` or lies in it. */
function isWithin(path: string, folder: string): boolean {
  const withEnd = (one: string): string => (one.endsWith(sep) ? one : one + sep);
  return withEnd(path).startsWith(withEnd(folder));
}

function valid<Schema extends z.ZodType>(
  schema: Schema,
  items: readonly unknown[],
): { index: number; value: z.output<Schema> }[] {
  return items.flatMap((item, index) => {
    const result = schema.safeParse(item);
    return result.success ? [{ index, value: result.data }] : [];
  });
}

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

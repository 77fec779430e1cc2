import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import type { Config, CustomerConfig, CustomerReportsConfig, PeerTlsConfig, SyslogConfig } from './config.ts';
import { crossCheck } from './cross-checks.ts';
import type { ConfigProblem } from './errors.ts';
import { ConfigError, formatPath } from './errors.ts';
import { expandReferences, findReferences, readFailure, type References } from './expand.ts';
import type { JsonDocument } from './json-document.ts';
import { JsonSyntaxError, parseJsonDocument } from './json-document.ts';
import type { Path, RawProblem } from './problems.ts';
import { problemsOfIssues } from './problems.ts';
import type { ParsedConfig, SectionName } from './schema.ts';
import { configJsonSchema, configSchema } from './schema.ts';
import { Secret } from './secret.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface LoadConfigOptions {
  /** Path of the configuration file. */
  readonly file: string;
  /** Where `${env:NAME}` is looked up. Default: the process's environment. */
  readonly env?: Environment;
  /**
   * Looks no reference up: each stands for itself, or for something that its setting takes. For whoever needs paths and
   * ports and no secrets.
   */
  readonly keepsReferences?: boolean;
}

/** Names of settings whose values are never shown. */
const SECRET_SETTINGS: ReadonlySet<PropertyKey> = new Set([
  'apiKey',
  'webhookSecret',
  'token',
  'secret',
  'keyPassphrase',
]);

/** Longest value shown in a message, characters. */
const MAX_SHOWN_LENGTH = 60;

/**
 * Reads, expands, validates and completes a configuration file.
 * @returns a deeply frozen configuration with absolute paths.
 * @throws ConfigError with every problem found.
 */
export function loadConfig(options: LoadConfigOptions): Config {
  const { file, folder, document } = readDocument(options.file);
  const env = options.env ?? process.env;
  const expanded = options.keepsReferences
    ? { value: withStandIns(document.value), problems: [] }
    : expandReferences(document.value, { env, folder });
  const parsed = configSchema.safeParse(expanded.value, { reportInput: true });
  const found = [
    ...expanded.problems,
    ...(parsed.success ? [] : problemsOfIssues(parsed.error.issues, configJsonSchema())),
    ...crossCheck(expanded.value, folder),
  ];
  if (!parsed.success || found.length > 0) throw configError(file, document, found);
  return deepFreeze(resolveConfig(file, folder, parsed.data));
}

/** What a reference that is not looked up is taken for where its own text does not fit its setting: the first that fits. */
const STAND_INS = [
  'https://reference.invalid',
  'reference@example.org',
  `cus_${'0'.repeat(32)}`,
  'REFERENCE',
  'reference'.repeat(8),
];

/** Puts stand-ins where settings want more than any text, such as a URL: what the reference holds is not known. */
function withStandIns(document: unknown): unknown {
  return STAND_INS.reduce((value, standIn) => {
    const parsed = configSchema.safeParse(value);
    return parsed.success
      ? value
      : parsed.error.issues.reduce((whole, { path }) => replaceReferences(whole, path, standIn), value);
  }, document);
}

/** The value with a stand-in for each string at or below a path that was written as a reference. */
function replaceReferences(value: unknown, path: readonly PropertyKey[], standIn: string): unknown {
  if (typeof value === 'string') {
    const isReplaceable = isReference(value) || STAND_INS.includes(value);
    return path.length === 0 && isReplaceable ? standIn : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const [next, ...rest] = path;
  const replaced = Object.entries(value).map(([key, item]: [string, unknown]) => [
    key,
    next === undefined || key === String(next) ? replaceReferences(item, rest, standIn) : item,
  ]);
  return Array.isArray(value) ? replaced.map(([, item]) => item) : Object.fromEntries(replaced);
}

/**
 * Reads some sections only, for commands that need no more: references in the others are not looked up, so that
 * `status` works in a shell that does not hold the daemon's secrets. Relations between sections are not checked.
 * @throws ConfigError
 */
export function loadConfigSections<Name extends SectionName>(
  options: LoadConfigOptions,
  names: readonly Name[],
): Pick<ParsedConfig, Name> & { readonly file: string } {
  const { file, folder, document } = readDocument(options.file);
  const env = options.env ?? process.env;
  const present = Object.entries(document.value as object).filter(([key]) =>
    (names as readonly string[]).includes(key),
  );
  const expanded = expandReferences(Object.fromEntries(present), { env, folder });
  const sections = expanded.value as Record<string, unknown>;
  const found: RawProblem[] = [...expanded.problems];
  const values: Record<string, unknown> = { file };
  for (const name of names) {
    const schema: z.ZodType = configSchema.shape[name];
    const parsed = schema.safeParse(sections[name], { reportInput: true });
    if (parsed.success) values[name] = parsed.data;
    else {
      const issues = parsed.error.issues.map((issue) => ({ ...issue, path: [name, ...issue.path] }));
      found.push(...problemsOfIssues(issues, configJsonSchema()));
    }
  }
  if (found.length > 0) throw configError(file, document, found);
  return values as Pick<ParsedConfig, Name> & { file: string };
}

/** Settings in the file that hold a secret as such, rather than a `${…}` reference; and the files referred to. */
export function inspectSecrets(options: LoadConfigOptions): {
  readonly literal: readonly string[];
  readonly files: readonly string[];
} {
  const { folder, document } = readDocument(options.file);
  const { files } = expandReferences(document.value, { env: options.env ?? process.env, folder });
  const literal: string[] = [];
  const visit = (value: unknown, path: Path): void => {
    if (typeof value === 'string') {
      if (isSecretPath(path) && !isReference(value)) literal.push(formatPath(path));
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value))
        visit(item, [...path, Array.isArray(value) ? Number(key) : key]);
    }
  };
  visit(document.value, []);
  return { literal, files };
}

/** Which variables, files and credentials the file refers to; none is looked up. @throws ConfigError */
export function inspectReferences(file: string): References {
  return findReferences(readDocument(file).document.value);
}

function readDocument(name: string): { file: string; folder: string; document: JsonDocument } {
  const file = resolve(name);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(file, [{ path: '', message: `cannot be read: ${readFailure(error)}` }]);
  }
  try {
    const document = parseJsonDocument(text);
    if (typeof document.value !== 'object' || document.value === null || Array.isArray(document.value)) {
      throw new JsonSyntaxError('the file must hold one object, in { }', { line: 1, column: 1 });
    }
    return { file, folder: dirname(file), document };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new ConfigError(file, [
      { path: '', ...error.position, message: `not valid JSON: ${error.message}` },
    ]);
  }
}

function configError(file: string, document: JsonDocument, found: readonly RawProblem[]): ConfigError {
  const unresolved = new Set(found.filter((raw) => raw.isReference).map((raw) => formatPath(raw.path)));
  const problems = found
    .filter((raw) => raw.isReference === true || !unresolved.has(formatPath(raw.path)))
    .map((raw) => locate(document, raw));
  const unique = [
    ...new Map(problems.map((problem) => [`${problem.path}\n${problem.message}`, problem])).values(),
  ];
  unique.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  return new ConfigError(file, unique);
}

function locate(document: JsonDocument, { path, message, hidesValue }: RawProblem): ConfigProblem {
  const value = valueAt(document.value, path);
  return {
    path: formatPath(path),
    ...document.positionOf(path),
    ...(value === undefined || typeof value === 'object' || hidesValue === true
      ? {}
      : { value: shownValue(path, value) }),
    message,
  };
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    return (value as Record<PropertyKey, unknown>)[key];
  }, root);
}

/** What stands in the file, before references were replaced: what a variable holds is nobody's business. */
function shownValue(path: Path, value: unknown): string {
  if (isSecretPath(path) && !(typeof value === 'string' && isReference(value))) return '[secret]';
  const text = JSON.stringify(value);
  return text.length <= MAX_SHOWN_LENGTH ? text : `${text.slice(0, MAX_SHOWN_LENGTH)}…`;
}

function isSecretPath(path: Path): boolean {
  return path.some((key) => SECRET_SETTINGS.has(key)) || formatPath(path) === 'alerts.webhook.url';
}

function isReference(text: string): boolean {
  return /^\$\{(?:env|file|cred):[^}]+\}$/.test(text.trim());
}

function resolveConfig(file: string, folder: string, parsed: ParsedConfig): Config {
  const {
    dimse,
    http,
    avara,
    customers,
    folders,
    studies,
    routes,
    access,
    admin,
    dicomWeb,
    storage,
    retention,
    alerts,
    audit,
    log,
  } = parsed;
  return {
    file,
    dataDir: resolve(folder, parsed.dataDir),
    dimse: {
      ...dimse,
      tls: dimse.tls && { ...dimse.tls, ...resolveTlsPaths(folder, dimse.tls) },
      peers: dimse.peers.map((peer) => ({ ...peer, tls: resolvePeerTls(folder, peer.tls) })),
    },
    http: { ...http, tls: http.tls && { ...http.tls, ...resolveTlsPaths(folder, http.tls) } },
    avara: {
      requestTimeoutSeconds: avara.requestTimeoutSeconds,
      concurrency: avara.concurrency,
      customerCheckMinutes: avara.customerCheckMinutes,
    },
    customers: Object.fromEntries(
      Object.entries(customers).map(([key, customer]) => [key, resolveCustomer(folder, customer, avara)]),
    ),
    routes,
    admin,
    access,
    dicomWeb,
    storage,
    retention,
    alerts,
    audit: { ...audit, syslog: audit.syslog && resolveSyslog(folder, audit.syslog) },
    log,
    folders: folders.map(({ moveTo, ...entry }) => ({
      ...entry,
      path: resolve(folder, entry.path),
      ...(moveTo !== undefined && { moveTo: resolve(folder, moveTo) }),
    })),
    studies: {
      ...studies,
      stableAfterReleaseSeconds: Math.min(studies.stableAfterReleaseSeconds, studies.stableAfterSeconds),
    },
  };
}

/** The PEM files of TLS settings, which all have the same names; those that there are. */
interface TlsPaths {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly ca?: string | undefined;
  readonly crl?: readonly string[] | undefined;
}

/** Only what is there, absolute. */
function resolveTlsPaths(folder: string, { cert, key, ca, crl }: TlsPaths) {
  const path = (one: string): string => resolve(folder, one);
  return {
    ...(cert !== undefined && { cert: path(cert) }),
    ...(key !== undefined && { key: path(key) }),
    ...(ca !== undefined && { ca: path(ca) }),
    ...(crl !== undefined && { crl: crl.map(path) }),
  };
}

function resolvePeerTls(folder: string, tls: PeerTlsConfig): PeerTlsConfig {
  return tls === false ? false : { ...tls, ...resolveTlsPaths(folder, tls) };
}

function resolveCustomer(
  folder: string,
  customer: ParsedConfig['customers'][string],
  shared: ParsedConfig['avara'],
): CustomerConfig {
  const apiKey = customer.avara?.apiKey ?? shared.apiKey;
  const webhookSecrets = customer.avara?.webhookSecret ?? shared.webhookSecret;
  if (apiKey === undefined || webhookSecrets === undefined)
    throw new Error('cross-checks let an incomplete customer by');
  return {
    expressCustomerId: customer.expressCustomerId,
    products: customer.products,
    severity: customer.severity,
    ...(customer.facilityName === undefined ? {} : { facilityName: customer.facilityName }),
    override: customer.override,
    ...(customer.assignedTo === undefined ? {} : { assignedTo: customer.assignedTo }),
    ...(customer.metadata === undefined ? {} : { metadata: customer.metadata }),
    ...(customer.modalityNames === undefined ? {} : { modalityNames: customer.modalityNames }),
    legacyFieldNames: customer.legacyFieldNames,
    ...(customer.reports === undefined ? {} : { reports: resolveReports(folder, customer.reports) }),
    ...(customer.retention === undefined ? {} : { retention: customer.retention }),
    ...(customer.worklistFile === undefined ? {} : { worklistFile: resolve(folder, customer.worklistFile) }),
    ...(customer.openAs === undefined ? {} : { openAs: customer.openAs }),
    avara: { baseUrl: customer.avara?.baseUrl ?? shared.baseUrl, apiKey, webhookSecrets },
  };
}

function resolveSyslog(folder: string, syslog: SyslogConfig): SyslogConfig {
  return { ...syslog, ...resolveTlsPaths(folder, syslog) };
}

function resolveReports(folder: string, reports: CustomerReportsConfig): CustomerReportsConfig {
  const { pacs } = reports;
  return {
    ...reports,
    ...(reports.folder !== undefined && { folder: resolve(folder, reports.folder) }),
    ...(pacs !== undefined && { pacs: { ...pacs, tls: resolvePeerTls(folder, pacs.tls) } }),
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !(value instanceof Secret)) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}

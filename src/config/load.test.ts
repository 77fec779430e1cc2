import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from './config.ts';
import type { ConfigProblem } from './errors.ts';
import { ConfigError } from './errors.ts';
import { inspectReferences, inspectSecrets, loadConfig, loadConfigSections } from './load.ts';
import { configJsonSchema } from './schema.ts';

const CUSTOMER_ID = 'cus_00000000000000000000000000000001';
const ENV = { API_KEY: 'sk_live_abcdef', HOOK: 'whsec_YWJjZGVm\n', TOKEN: 'reading-room-token', EMPTY: ' ' };

type Json = Record<string, unknown>;

function minimal(): Json {
  return {
    avara: { apiKey: '${env:API_KEY}', webhookSecret: '${env:HOOK}' },
    customers: { 'city-medical': { expressCustomerId: CUSTOMER_ID } },
  };
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(content: Json | string): string {
  const file = join(folder, 'config.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content, undefined, 2));
  return file;
}

function load(content: Json | string): Config {
  return loadConfig({ file: write(content), env: ENV });
}

function problemsOf(content: Json | string): readonly ConfigProblem[] {
  try {
    load(content);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

/** `path = value: message` of the only problem. */
function problemOf(content: Json | string): string {
  const problems = problemsOf(content);
  expect(problems).toHaveLength(1);
  return problems.map(({ path, value, message }) => `${path} = ${value ?? '-'}: ${message}`).join('\n');
}

describe('a good configuration', () => {
  it('gets the documented defaults', () => {
    const config = load(minimal());
    expect(config.dimse).toMatchObject({ host: '0.0.0.0', port: 11112, maxAssociations: 64, tls: null });
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 8080, publicUrl: null, trustProxy: [] });
    expect(config.admin).toEqual({ host: '127.0.0.1', port: 8081 });
    expect(config.studies).toEqual({ stableAfterSeconds: 30, stableAfterReleaseSeconds: 10 });
    expect(config.access).toEqual({ urlLifetimeSeconds: 3600, keyRotationDays: 30, tokens: [] });
    expect(config.customers['city-medical']).toMatchObject({
      products: ['viewer'],
      severity: 'normal',
      avara: { baseUrl: 'https://api.avarasoftware.com' },
    });
  });

  it('resolves paths against the folder of the file', () => {
    const config = load({
      ...minimal(),
      folders: [{ path: './inbox', customer: 'city-medical' }],
      http: { tls: { cert: 'tls/cert.pem', key: '/etc/key.pem' } },
    });
    expect(config.dataDir).toBe(join(folder, 'data'));
    expect(config.folders[0]?.path).toBe(join(folder, 'inbox'));
    expect(config.http.tls).toEqual({ cert: join(folder, 'tls/cert.pem'), key: '/etc/key.pem' });
  });

  it('resolves what peers are called with over TLS against it too', () => {
    const peer = { aeTitle: 'CT1', host: 'ct1', port: 2762, tls: { ca: 'tls/ca.pem', serverName: 'CT 1' } };
    const pacs = { ...peer, tls: { cert: 'own.pem', key: '/etc/own.key' } };
    const config = load({
      ...minimal(),
      dimse: { peers: [peer, { ...peer, aeTitle: 'CT2', tls: true }] },
      customers: { 'city-medical': { expressCustomerId: CUSTOMER_ID, reports: { pacs } } },
    });
    expect(config.dimse.peers.map(({ tls }) => tls)).toEqual([
      { ca: join(folder, 'tls/ca.pem'), serverName: 'CT 1' },
      {},
    ]);
    expect(config.customers['city-medical']?.reports?.pacs?.tls).toEqual({
      cert: join(folder, 'own.pem'),
      key: '/etc/own.key',
    });
  });

  it('resolves revocation lists too, one or many, and keeps passphrases of keys as secrets', () => {
    const crl = ['crl/root.pem', '/etc/crl.pem'];
    const files = { cert: 'own.pem', key: 'own.key', keyPassphrase: '${env:API_KEY}' };
    const config = load({
      ...minimal(),
      dimse: {
        tls: { ...files, ca: 'ca.pem', crl, clientCert: 'required' },
        peers: [{ aeTitle: 'CT1', host: 'ct1', port: 2762, tls: { ...files, crl: 'crl/ct1.pem' } }],
      },
      http: { tls: files },
      audit: { syslog: { host: 'audit', ...files, crl } },
    });
    const absolute = [join(folder, 'crl/root.pem'), '/etc/crl.pem'];
    const [peer] = config.dimse.peers;
    const sections = [config.dimse.tls, peer?.tls, config.http.tls, config.audit.syslog];
    const passphrases = sections.map((tls) => (tls ? tls.keyPassphrase?.reveal() : undefined));
    expect(passphrases).toEqual(sections.map(() => ENV.API_KEY));
    expect(config.dimse.tls?.crl).toEqual(absolute);
    expect(config.audit.syslog?.crl).toEqual(absolute);
    expect(peer?.tls).toMatchObject({ crl: [join(folder, 'crl/ct1.pem')] });
    expect(JSON.stringify(config)).not.toContain(ENV.API_KEY);
    expect(inspect(config, { depth: null })).not.toContain(ENV.API_KEY);
  });

  it('has the addresses of others to the letter, and its own without a slash at the end', () => {
    const url = 'https://ris.example.org/reports/?site=city';
    const config = load({
      ...minimal(),
      http: { publicUrl: 'https://images.example.org/' },
      customers: { 'city-medical': { expressCustomerId: CUSTOMER_ID, reports: { post: { url } } } },
    });
    expect(config.customers['city-medical']?.reports?.post?.url).toBe(url);
    expect(config.http.publicUrl).toBe('https://images.example.org');
  });

  it('cannot be changed afterwards', () => {
    const config = load(minimal());
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.customers['city-medical']?.products)).toBe(true);
  });

  it('replaces references by variables and files, without their line ends', () => {
    writeFileSync(join(folder, 'key.txt'), 'sk_live_from_file\n');
    const config = load({
      ...minimal(),
      avara: { apiKey: '${file:key.txt}', webhookSecret: ['${env:HOOK}'] },
    });
    const avara = config.customers['city-medical']?.avara;
    expect(avara?.apiKey.reveal()).toBe('sk_live_from_file');
    expect(avara?.webhookSecrets.map((secret) => secret.reveal())).toEqual(['whsec_YWJjZGVm']);
  });

  it('gives a customer its own key and secret where it has them', () => {
    const config = load({
      ...minimal(),
      customers: {
        a: { expressCustomerId: CUSTOMER_ID },
        b: { expressCustomerId: CUSTOMER_ID.replace(/1$/, '2'), avara: { apiKey: 'sk_live_of_b' } },
      },
    });
    expect(config.customers.a?.avara.apiKey.reveal()).toBe('sk_live_abcdef');
    expect(config.customers.b?.avara.apiKey.reveal()).toBe('sk_live_of_b');
    expect(config.customers.b?.avara.webhookSecrets[0]?.reveal()).toBe('whsec_YWJjZGVm');
  });

  it('does not show secrets when printed', () => {
    const config = load({ ...minimal(), admin: { token: 'swordfish-swordfish' } });
    const printed = `${inspect(config, { depth: 9 })} ${JSON.stringify(config)} ${String(config.admin.token)}`;
    expect(printed).not.toMatch(/swordfish|sk_live|whsec/);
    expect(printed).toContain('[secret]');
  });

  it('caps the wait after release at the wait without', () => {
    expect(load({ ...minimal(), studies: { stableAfterSeconds: 2 } }).studies.stableAfterReleaseSeconds).toBe(
      2,
    );
  });
});

describe('a setting that is wrong', () => {
  const cases: [what: string, change: Json, problem: string][] = [
    [
      'a port out of range',
      { dimse: { port: 70000 } },
      'dimse.port = 70000: must be a whole number from 0 to 65535',
    ],
    ['a port as text', { http: { port: '80' } }, 'http.port = "80": must be a whole number from 0 to 65535'],
    ['a misspelt setting', { dimse: { prot: 104 } }, 'dimse.prot = -: no such setting; did you mean "port"?'],
    ['a misspelt section', { rotues: [] }, 'rotues = -: no such setting; did you mean "routes"?'],
    [
      'a setting of nowhere',
      { admin: { colour: 'red' } },
      'admin.colour = -: no such setting; allowed here: host, port, token',
    ],
    [
      'an unknown choice',
      { log: { level: 'loud' } },
      'log.level = "loud": must be one of "debug", "info", "warn", "error"',
    ],
    ['an object where a list is due', { routes: {} }, 'routes = -: must be a list, in [ ]'],
    [
      'a route without customer',
      { routes: [{ calledAe: 'A' }] },
      'routes[0].customer = -: is required: a string',
    ],
    [
      'an AE title that is too long',
      { routes: [{ calledAe: 'SEVENTEEN_LETTERS', customer: 'city-medical' }] },
      'routes[0].calledAe = "SEVENTEEN_LETTERS": must be an AE title: 1 to 16 printable ASCII characters, no backslash',
    ],
    [
      'an address block that is none',
      { routes: [{ calledAe: 'A', from: ['10.20.0.0/33'], customer: 'city-medical' }] },
      'routes[0].from[0] = "10.20.0.0/33": must be an IP address or a CIDR block, such as "10.20.0.0/16", "10.20.1.5" or "fd00::/8"',
    ],
    [
      'an Express customer id that is none',
      { customers: { a: { expressCustomerId: 'cus_12' } } },
      'customers.a.expressCustomerId = "cus_12": must be "cus_" and 32 hexadecimal digits, as the Avara dashboard shows it',
    ],
    [
      'a customer key that is no folder name',
      { customers: { 'City/Med': { expressCustomerId: CUSTOMER_ID } } },
      'customers["City/Med"] = -: this name must be 1 to 64 lower-case letters, digits, "-" or "_", and start with a letter or digit',
    ],
    [
      'a passphrase that is none, whatever it is',
      { http: { tls: { cert: 'c', key: 'k', keyPassphrase: 'abc' } } },
      'http.tls.keyPassphrase = [secret]: must be at least 4 characters',
    ],
    [
      'no product',
      { customers: { a: { expressCustomerId: CUSTOMER_ID, products: [] } } },
      'customers.a.products = -: must name at least one product: "viewer", "autoScribe"',
    ],
    [
      'a public URL with a query',
      { http: { publicUrl: 'https://x.org/?a=b' } },
      'http.publicUrl = "https://x.org/?a=b": must be an http:// or https:// URL without query, fragment or credentials',
    ],
    [
      'a short secret, which is not shown',
      { admin: { token: 'abc' } },
      'admin.token = [secret]: must be at least 8 characters',
    ],
    [
      'a misspelt secret, which is not shown',
      { avara: { apikey: 'sk_live_x', apiKey: '${env:API_KEY}', webhookSecret: '${env:HOOK}' } },
      'avara.apikey = -: no such setting; did you mean "apiKey"?',
    ],
    [
      'a webhook secret of the wrong type',
      { avara: { apiKey: '${env:API_KEY}', webhookSecret: 12 } },
      'avara.webhookSecret = [secret]: must be a string of at least 8 characters, or a list of such strings',
    ],
  ];
  it.each(cases)('%s', (_what, change, problem) => {
    expect(problemOf({ ...minimal(), ...change })).toBe(problem);
  });

  it('is reported together with everything else, with its line', () => {
    const problems = problemsOf(
      `{\n  "dimse": { "port": -1 },\n  "http": { "prot": 1 },\n  "routes": [\n    { "calledAe": "A", "customer": "city" }\n  ],\n  "avara": { "apiKey": "\${env:NOPE}" },\n  "customers": { "cty": { "expressCustomerId": "${CUSTOMER_ID}" } }\n}`,
    );
    expect(problems.map(({ path, line }) => `${line ?? '-'} ${path}`)).toEqual([
      '2 dimse.port',
      '3 http.prot',
      '5 routes[0].customer',
      '7 avara.apiKey',
      '8 customers.cty',
    ]);
    expect(problems[2]?.message).toBe('no such customer in "customers"; did you mean "cty"?');
  });
});

describe('references', () => {
  it.each([
    ['${env:NOPE}', 'the environment variable NOPE is not set (or empty)'],
    ['${env:EMPTY}', 'the environment variable EMPTY is not set (or empty)'],
    ['${vault:x}', '"${" must begin a reference: ${env:NAME}, ${file:/path} or ${cred:NAME}'],
  ])('%s is refused, naming the setting', (reference, message) => {
    const shown = reference.startsWith('${vault') ? '[secret]' : JSON.stringify(reference);
    expect(problemOf({ ...minimal(), admin: { token: reference } })).toBe(
      `admin.token = ${shown}: ${message}`,
    );
  });

  it('to a file that is not there is refused, naming the file', () => {
    expect(problemOf({ ...minimal(), admin: { token: '${file:missing}' } })).toContain(
      `the file ${join(folder, 'missing')} cannot be read: it does not exist`,
    );
  });

  it('to a credential is read from the folder that systemd names, else from beside the file', () => {
    const content = { ...minimal(), admin: { token: '${cred:admin-token}' } };
    mkdirSync(join(folder, 'credentials'));
    writeFileSync(join(folder, 'credentials', 'admin-token'), 'beside-the-file\n');
    expect(load(content).admin.token?.reveal()).toBe('beside-the-file');
    const passed = join(folder, 'passed');
    mkdirSync(passed);
    writeFileSync(join(passed, 'admin-token'), 'from-systemd\n');
    const env = { ...ENV, CREDENTIALS_DIRECTORY: passed };
    expect(loadConfig({ file: write(content), env }).admin.token?.reveal()).toBe('from-systemd');
    expect(problemOf({ ...minimal(), admin: { token: '${cred:../config.json}' } })).toContain(
      '"../config.json" is no name of a credential',
    );
  });

  it('stand for themselves where only paths and ports are wanted', () => {
    const content = { ...minimal(), dimse: { port: 104 }, admin: { token: '${cred:nowhere}' } };
    const file = write(content);
    const config = loadConfig({ file, env: {}, keepsReferences: true });
    expect(config.dimse.port).toBe(104);
    expect(config.admin.token?.reveal()).toBe('${cred:nowhere}');
    expect(inspectReferences(file)).toEqual({
      env: ['API_KEY', 'HOOK'],
      files: [],
      credentials: ['nowhere'],
    });
  });

  it('need not be there for whoever asks only for paths, whatever their settings want', () => {
    const file = write({
      ...minimal(),
      avara: { baseUrl: '${env:BASE}', apiKey: '${cred:a}', webhookSecret: ['${cred:a}', '${cred:b}'] },
      customers: { 'city-medical': { expressCustomerId: '${env:CUSTOMER}' } },
      alerts: { webhook: { url: '${cred:url}' }, mail: { to: ['${env:TO}'], command: ['/bin/mail'] } },
      dataDir: '/srv/images',
    });
    expect(loadConfig({ file, env: {}, keepsReferences: true }).dataDir).toBe('/srv/images');
    const wrong = write({ ...minimal(), alerts: { webhook: { url: 'hook.example.org' } } });
    expect(() => loadConfig({ file: wrong, env: {}, keepsReferences: true })).toThrow('alerts.webhook.url');
  });

  it('of other sections are not needed to read one section', () => {
    const file = write({ ...minimal(), admin: { port: 9000, token: '${env:TOKEN}' } });
    const { admin } = loadConfigSections({ file, env: { TOKEN: 'only-this-one' } }, ['admin']);
    expect(admin.port).toBe(9000);
    expect(admin.token?.reveal()).toBe('only-this-one');
  });

  it('are told apart from secrets that stand in the file', () => {
    const tls = { cert: 'c', key: 'k', keyPassphrase: 'in-the-clear' };
    const file = write({ ...minimal(), http: { tls }, admin: { token: 'in-the-clear' } });
    expect(inspectSecrets({ file, env: ENV }).literal).toEqual(['http.tls.keyPassphrase', 'admin.token']);
  });
});

describe('entries that contradict each other', () => {
  const route = (more: Json): Json => ({ calledAe: 'A', customer: 'city-medical', ...more });
  const cases: [what: string, change: Json, path: string, message: RegExp][] = [
    [
      'a folder of an unknown customer',
      { folders: [{ path: 'in', customer: 'citymedical' }] },
      'folders[0].customer',
      /did you mean "city-medical"/,
    ],
    [
      'a token for an unknown customer',
      { access: { tokens: [{ name: 'r', token: 'abcdefgh', customers: ['x'] }] } },
      'access.tokens[0].customers[0]',
      /no such customer/,
    ],
    ['the same route twice', { routes: [route({}), route({})] }, 'routes[1]', /routes\[0\] already admits/],
    [
      'the same sender in two routes',
      { routes: [route({ callingAe: ['CT1', 'CT2'] }), route({ callingAe: ['CT2'] })] },
      'routes[1]',
      /routes\[0\]/,
    ],
    [
      'one Express customer under two keys',
      { customers: { a: { expressCustomerId: CUSTOMER_ID }, b: { expressCustomerId: CUSTOMER_ID } } },
      'customers.b.expressCustomerId',
      /also that of "a"/,
    ],
    [
      'an API key that nobody gives',
      { avara: { webhookSecret: '${env:HOOK}' } },
      'customers.city-medical',
      /has no apiKey: set avara\.apiKey/,
    ],
    [
      'an alert URL with credentials, which fetch does not take',
      { alerts: { webhook: { url: 'https://me:secret@alerts.example.org/in' } } },
      'alerts.webhook.url',
      /without credentials/,
    ],
    ['an open admin listener', { admin: { host: '0.0.0.0' } }, 'admin.host', /loopback/],
    ['two listeners on one port', { dimse: { port: 8080 } }, 'http.port', /also that of dimse/],
    [
      'a watched folder in the data folder',
      { folders: [{ path: 'data/in', customer: 'city-medical' }] },
      'folders[0].path',
      /must not overlap the data folder/,
    ],
    [
      'a watched folder in another',
      {
        folders: [
          { path: 'in', customer: 'city-medical' },
          { path: 'in/b', customer: 'city-medical' },
        ],
      },
      'folders[1].path',
      /folders\[0\]/,
    ],
    [
      'client certificates without a CA',
      { dimse: { tls: { cert: 'c', key: 'k', clientCert: 'required' } } },
      'dimse.tls',
      /needs "ca"/,
    ],
    [
      'revocation lists without client certificates',
      { dimse: { tls: { cert: 'c', key: 'k', crl: 'list.pem' } } },
      'dimse.tls.crl',
      /set clientCert/,
    ],
    [
      'one token under two names',
      {
        access: {
          tokens: ['a', 'b'].map((name) => ({ name, token: 'abcdefgh', customers: ['city-medical'] })),
        },
      },
      'access.tokens[1].token',
      /same as that of access\.tokens\[0\]/,
    ],
  ];
  it.each(cases)('%s', (_what, change, path, message) => {
    const problems = problemsOf({ ...minimal(), ...change });
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.message).toMatch(message);
  });

  it('an open admin listener with a token is fine', () => {
    expect(load({ ...minimal(), admin: { host: '0.0.0.0', token: '${env:TOKEN}' } }).admin.host).toBe(
      '0.0.0.0',
    );
  });

  it('the same called AE title for different senders is fine', () => {
    const routes = [
      route({ callingAe: ['CT1'] }),
      route({ callingAe: ['CT2'] }),
      route({ from: ['10.0.0.1'] }),
      route({}),
    ];
    expect(load({ ...minimal(), routes }).routes).toHaveLength(4);
  });
});

describe('the file itself', () => {
  it('that is missing is named', () => {
    const file = join(folder, 'nope.json');
    expect(() => loadConfig({ file, env: ENV })).toThrow(
      `${file} has 1 problem:\n  cannot be read: it does not exist`,
    );
  });

  it.each([
    ['{\n  "a": 1,\n}', 3, 1, /comma before }/],
    ['{\n  "a": 1\n  "b": 2 }', 3, 3, /expected a comma/],
    ['{ // ports\n}', 1, 3, /no comments/],
    ['{ "a": \'x\' }', 1, 8, /double quotes/],
    ['{ "a": "x', 1, 8, /no closing quote/],
    ['{ "a": 1', 1, 9, /ends inside an object/],
    ['{ "a": 1, "a": 2 }', 1, 11, /"a" stands twice/],
    ['', 1, 1, /empty/],
    ['[]', 1, 1, /one object/],
    ['{ "a": tru }', 1, 8, /expected a value/],
    ['{} x', 1, 4, /nothing may follow/],
  ])('%j is refused with line and column', (text, line, column, message) => {
    const [problem] = problemsOf(text);
    expect(problem).toMatchObject({ line, column });
    expect(problem?.message).toMatch(message);
  });

  it('may begin with a byte order mark', () => {
    expect(load(`\uFEFF${JSON.stringify(minimal())}`).dimse.port).toBe(11112);
  });
});

describe('what is published', () => {
  const root = new URL('../../', import.meta.url);

  it('config.schema.json is what the schema says (npm run schema)', () => {
    const published: unknown = JSON.parse(readFileSync(new URL('config.schema.json', root), 'utf8'));
    expect(published).toEqual(JSON.parse(JSON.stringify(configJsonSchema())));
  });

  it('every setting is described', () => {
    const missing: string[] = [];
    const visit = (node: ReturnType<typeof configJsonSchema>, path: string): void => {
      for (const [key, child] of Object.entries(node.properties ?? {})) {
        if (child.description === undefined) missing.push(`${path}.${key}`);
        visit(child, `${path}.${key}`);
      }
      if (typeof node.additionalProperties === 'object') visit(node.additionalProperties, `${path}.*`);
      if (node.items !== undefined) visit(node.items, `${path}[]`);
      for (const option of node.anyOf ?? []) visit(option, path);
    };
    visit(configJsonSchema(), '');
    expect(missing).toEqual([]);
  });

  it('config.example.json is valid', () => {
    const config = loadConfig({
      file: new URL('config.example.json', root).pathname,
      env: {
        AVARA_INGEST_ADMIN_TOKEN: 'admin-token',
        AVARA_API_KEY: 'sk_live_x',
        AVARA_JWT_WEBHOOK_SECRET: 'whsec_x1',
        READ_TOKEN: 'read-token',
      },
    });
    expect(Object.keys(config.customers)).toEqual(['city-medical']);
  });
});

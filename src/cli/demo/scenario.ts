import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { readFileMeta } from '../../dicom/part10/file-meta.ts';
import type { ObjectToSend } from '../../dimse/scu/store-scu.ts';
import type { AvaraEmulatorOptions } from '../../emulator/avara-emulator.ts';

const FIXTURES = fileURLToPath(new URL('../../../fixtures/data/', import.meta.url));

/** A synthetic image that ships with the program. */
export interface DemoObject extends ObjectToSend {
  readonly studyInstanceUid: string;
  /** SHA-256 of the Data Set, lower-case hex. */
  readonly dataSetSha256: string;
}

interface Fixture extends Omit<DemoObject, 'readDataSet'> {
  readonly file: string;
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
}

/** The images that one scanner sends under one called AE title. */
export interface Scanner {
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  readonly objects: readonly DemoObject[];
}

/** Two imaging centres with an Avara account each. Ids, keys and secrets are made up and open nothing. */
export const CUSTOMERS = [
  {
    key: 'city-medical',
    calledAeTitle: 'CITYMED',
    name: 'City Medical Center',
    expressCustomerId: `cus_${'c1'.repeat(16)}`,
    apiKey: `sk_live_${'c1'.repeat(16)}`,
    webhookSecret: 'whsec_ZGVtby1jaXR5LW1lZGljYWwtc2VjcmV0',
  },
  {
    key: 'north-clinic',
    calledAeTitle: 'NORTHCLN',
    name: 'North Clinic',
    expressCustomerId: `cus_${'d2'.repeat(16)}`,
    apiKey: `sk_live_${'d2'.repeat(16)}`,
    webhookSecret: 'whsec_ZGVtby1ub3J0aC1jbGluaWMtc2VjcmV0',
  },
] as const;

/** The synthetic images that ship with the program, by the scanner that sends them. */
export function demoScanners(): readonly Scanner[] {
  const { instances } = JSON.parse(readFileSync(path.join(FIXTURES, 'manifest.json'), 'utf8')) as {
    instances: readonly Fixture[];
  };
  const scanners = new Map<
    string,
    { callingAeTitle: string; calledAeTitle: string; objects: DemoObject[] }
  >();
  for (const { file, callingAeTitle, calledAeTitle, ...object } of instances) {
    const name = `${callingAeTitle} ${calledAeTitle}`;
    const scanner = scanners.get(name) ?? { callingAeTitle, calledAeTitle, objects: [] };
    scanners.set(name, scanner);
    scanner.objects.push({ ...object, readDataSet: () => dataSetOf(path.join(FIXTURES, file)) });
  }
  return [...scanners.values()];
}

function dataSetOf(file: string): Buffer {
  const bytes = readFileSync(file);
  const meta = readFileMeta(bytes);
  if (meta.kind !== 'complete') throw new Error(`${file} is not a Part 10 file`);
  return bytes.subarray(meta.dataSetOffset);
}

/**
 * The emulated account. Each centre has an API key that sees its own studies only, so that both may hold the same Study
 * Instance UID.
 */
export function emulatorOptions(): AvaraEmulatorOptions {
  return {
    onDuplicate: 'second-study',
    apiKeys: CUSTOMERS.map(({ apiKey, webhookSecret, name }) => ({
      key: apiKey,
      webhookSecret,
      description: name,
      studyScope: 'self',
      expressAccess: 'read',
    })),
    expressCustomers: CUSTOMERS.map(({ expressCustomerId, name }) => ({
      id: expressCustomerId,
      name,
      isActive: true,
    })),
  };
}

/** A configuration file for the demo: free ports, quick settling, one route per centre. */
export function demoConfig(avaraUrl: string): object {
  return {
    dataDir: './data',
    dimse: { host: '127.0.0.1', port: 0 },
    http: { host: '127.0.0.1', port: 0 },
    admin: { host: '127.0.0.1', port: 0 },
    avara: { baseUrl: avaraUrl },
    customers: Object.fromEntries(
      CUSTOMERS.map(({ key, expressCustomerId, name, apiKey, webhookSecret }) => [
        key,
        {
          expressCustomerId,
          products: ['viewer', 'autoScribe'],
          facilityName: name,
          avara: { apiKey, webhookSecret },
        },
      ]),
    ),
    routes: CUSTOMERS.map(({ calledAeTitle, key }) => ({ calledAe: calledAeTitle, customer: key })),
    studies: { stableAfterSeconds: 2, stableAfterReleaseSeconds: 1 },
    storage: { reserveBytes: 0 },
  };
}

/** Key of the customer whose route a called AE title is. */
export function customerOf(calledAeTitle: string): string {
  return CUSTOMERS.find((customer) => customer.calledAeTitle === calledAeTitle)?.key ?? '';
}

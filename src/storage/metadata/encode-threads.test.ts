import { Worker } from 'node:worker_threads';

import { expect, it, onTestFinished } from 'vitest';

import { customerKey } from '../../core/study/instance.ts';
import type { InstanceRecord } from '../../core/study/study.ts';
import { uid } from '../../dicom/uid.ts';
import { EncodeThreads } from './encode-threads.ts';
import { createMetadataEncoder } from './metadata-encoder.ts';

/** A thread that does what the last component of an object's UID says. */
const THREAD = `
const { parentPort } = require('node:worker_threads');
parentPort.on('message', ({ instances }) => {
  for (const [index, { sopInstanceUid }] of instances.entries()) {
    if (index > 0) parentPort.postMessage({ kind: 'at', index });
    if (sopInstanceUid.endsWith('.13')) process.exit(1);
    if (sopInstanceUid.endsWith('.14')) for (;;);
    if (sopInstanceUid.endsWith('.15')) { const all = []; for (;;) all.push(new Array(100000).fill({})); }
  }
  parentPort.postMessage({ kind: 'done', result: { deflated: new Uint8Array(instances.length), crc32: 0, bytes: 0 } });
});`;

function instance(number: number): InstanceRecord {
  return {
    key: {
      customer: customerKey('city-medical'),
      studyInstanceUid: uid('1.2'),
      seriesInstanceUid: uid('1.2.3'),
      sopInstanceUid: uid(`1.2.3.${number}`),
    },
  } as InstanceRecord;
}

function fixture() {
  const started: Worker[] = [];
  const start = (): Worker => {
    const worker = new Worker(THREAD, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 } });
    started.push(worker);
    return worker;
  };
  const store = { pathOf: ({ sopInstanceUid }: InstanceRecord['key']) => `/${sopInstanceUid}.dcm` };
  const encoder = createMetadataEncoder({ store, threads: 1, start });
  onTestFinished(() => encoder.close());
  const encode = async (...numbers: number[]): Promise<number> =>
    (await encoder.encode(numbers.map(instance), 'http://localhost', 'now')).deflated.length;
  return { started, encode };
}

it.each([
  ['ends its thread', 13, 'its thread ended'],
  ['takes all memory', 15, /memory/],
])('an object that %s is named, and others go on', async (_name, number, reason) => {
  const { encode } = fixture();
  const failing = encode(1, 2, number, 3);
  const behind = encode(4, 5);
  await expect(failing).rejects.toMatchObject({
    name: 'MetadataSourceError',
    sopInstanceUid: `1.2.3.${number}`,
    message: expect.stringMatching(reason) as string,
  });
  expect(await behind).toBe(2);
});

it('does not try an object again that has ended a thread', async () => {
  const { encode, started } = fixture();
  await expect(encode(1, 13)).rejects.toMatchObject({ sopInstanceUid: '1.2.3.13' });
  await expect(encode(13)).rejects.toMatchObject({ sopInstanceUid: '1.2.3.13' });
  expect(started).toHaveLength(1);
  expect(await encode(1, 2)).toBe(2);
  expect(started).toHaveLength(2);
});

it('ends a thread that does not come to an end with an object', async () => {
  const threads = new EncodeThreads({
    threads: 1,
    isYielding: false,
    idleMs: 60_000,
    timeoutMs: 500,
    start: () => new Worker(THREAD, { eval: true }),
  });
  onTestFinished(() => threads.close());
  const job = (...numbers: number[]) => ({
    seriesUrl: '',
    studyInstanceUid: uid('1.2'),
    seriesInstanceUid: uid('1.2.3'),
    instances: numbers.map((number) => ({
      path: `/${number}.dcm`,
      dataSetOffset: 0,
      transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
      sopClassUid: uid('1.2.3'),
      sopInstanceUid: uid(`1.2.3.${number}`),
    })),
  });
  const hanging = threads.run(job(1, 14));
  const behind = threads.run(job(2));
  await expect(hanging).rejects.toMatchObject({
    name: 'EncodeThreadError',
    instance: { sopInstanceUid: '1.2.3.14' },
  });
  expect((await behind).deflated).toHaveLength(1);
});

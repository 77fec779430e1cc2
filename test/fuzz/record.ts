/**
 * Records what real requestors send, as seeds for the fuzz tests: `npx tsx test/fuzz/record.ts`. Needs DCMTK's tools.
 * The objects are synthetic.
 */
import { once } from 'node:events';
import fs from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { createSystemClock } from '../../src/platform/clock.ts';
import { requestCommitment } from '../support/commitment-peer.ts';
import { part10Of, syntheticCt, TRANSFER_SYNTAX } from '../support/data-sets.ts';
import { startDimseServer } from '../support/dimse-server.ts';
import { runPeer } from '../support/peer-programs.ts';
import { sendObjects } from '../support/send-objects.ts';
import { createForgetfulCommitment } from './support/fuzz-server.ts';

const FOLDER = path.join(import.meta.dirname, 'recordings');

const { server, port } = await startDimseServer({
  services: [createForgetfulCommitment(createSystemClock())],
});
let sent: Buffer[] = [];
const tap = createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  near.on('data', (chunk: Buffer) => sent.push(chunk));
  near.pipe(far).pipe(near);
});
tap.listen(0, '127.0.0.1');
await once(tap, 'listening');
const tapPort = (tap.address() as AddressInfo).port;
const to = { host: '127.0.0.1', port: tapPort };

async function record(name: string, act: () => Promise<unknown>): Promise<void> {
  sent = [];
  await act();
  const bytes = Buffer.concat(sent);
  await fs.writeFile(path.join(FOLDER, `${name}.bin`), bytes);
  process.stdout.write(`${name}: ${bytes.length} bytes\n`);
}

const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'record-'));
const objects = [
  syntheticCt({ rows: 32, columns: 32, instanceNumber: 1 }),
  syntheticCt({
    rows: 16,
    columns: 16,
    instanceNumber: 2,
    transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian,
  }),
];
const files = objects.map((_, index) => path.join(folder, `${index}.dcm`));
for (const [index, object] of objects.entries()) {
  await fs.writeFile(files[index] ?? '', part10Of(object));
}
const dcmtk = ['-aet', 'CT1', '-aec', 'CITYMED', '127.0.0.1', String(tapPort)];

await record('echoscu', () => runPeer('echoscu', ['--propose-ts', '3', ...dcmtk]));
await record('storescu', () => runPeer('storescu', ['--max-send-pdu', '4096', ...dcmtk, ...files]));
await record('dcmsend', () => runPeer('dcmsend', ['--max-send-pdu', '4096', ...dcmtk, ...files]));
await record('findscu', () =>
  runPeer('findscu', [...dcmtk, '-W', '-k', '0008,0050', '-k', '0040,0100[0].0008,0060=CT']),
);
await record('dcmjs-dimse-store', () =>
  sendObjects(
    [0, 1, 2].map((instanceNumber) => syntheticCt({ rows: 8, columns: 8, instanceNumber })),
    { to, calledAe: 'CITYMED', callingAe: 'CT1' },
  ),
);
await record('dcmjs-dimse-commitment', () =>
  requestCommitment({
    to,
    calledAe: 'CITYMED',
    callingAe: 'CT1',
    transactionUid: '2.25.1',
    references: objects,
  }),
);

tap.close();
await server.close();
await fs.rm(folder, { recursive: true });

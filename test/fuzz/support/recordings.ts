import fs from 'node:fs';
import path from 'node:path';

import { writePdu } from '../../../src/dimse/pdu/writer.ts';
import { GOLDEN_PDUS } from '../../support/golden-pdus.ts';
import { associateRq, dataSetPdus, echoRq, storeRq } from '../../support/scripted-peer.ts';
import { syntheticCt } from '../../support/data-sets.ts';

const FOLDER = path.resolve(import.meta.dirname, '../recordings');

/** What one requestor sent on one Association, from A-ASSOCIATE-RQ to A-RELEASE-RQ or A-ABORT. */
export interface Recording {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Every recording, and two written by hand: with every sub-item, and with several messages under way at once. */
export function loadRecordings(): readonly Recording[] {
  const recorded = fs
    .readdirSync(FOLDER)
    .filter((name) => name.endsWith('.bin'))
    .sort()
    .map((name) => ({ name: path.parse(name).name, bytes: fs.readFileSync(path.join(FOLDER, name)) }));
  const release = writePdu({ type: 'A-RELEASE-RQ' });
  const everySubItem = GOLDEN_PDUS.find(({ pdu }) => pdu.type === 'A-ASSOCIATE-RQ');
  if (everySubItem === undefined) throw new Error('there is no golden A-ASSOCIATE-RQ');
  const { dataSet } = syntheticCt({ rows: 8, columns: 8 });
  return [
    ...recorded,
    {
      name: 'every-sub-item',
      bytes: Buffer.concat([everySubItem.bytes, echoRq(1, 1), release]),
    },
    {
      name: 'pipelined',
      bytes: Buffer.concat([
        writePdu(
          associateRq({
            userInformation: {
              asynchronousOperationsWindow: {
                maximumNumberOperationsInvoked: 0,
                maximumNumberOperationsPerformed: 1,
              },
            },
          }),
        ),
        echoRq(1),
        ...[2, 3, 4].flatMap((messageId) => [storeRq({ messageId }), dataSetPdus(dataSet, 1, 300)]),
        echoRq(5),
        release,
      ]),
    },
  ];
}

import { deflateRawSync } from 'node:zlib';

import { beforeEach, describe, expect, it } from 'vitest';

import { createDataSetBuilder } from '../../../test/support/data-set-builder.ts';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import type { CommitmentAcceptance, NewCommitmentRequest } from '../../core/ports/commitment-requests.ts';
import { customerKey } from '../../core/study/instance.ts';
import { uid } from '../../dicom/uid.ts';
import {
  COMMAND_ELEMENT,
  COMMAND_FIELD,
  decodeCommandSet,
  encodeCommandSet,
} from '../message/command-set.ts';
import { uidElement, uint16Element } from '../message/command-set.ts';
import { createWaitingAssociations } from '../waiting-associations.ts';
import type { DimseRequest, DimseResponse, DimseService, ServedAssociation } from './service.ts';
import { createStorageCommitmentService } from './storage-commitment.ts';
import type { StorageCommitmentServiceOptions } from './storage-commitment.ts';

const PUSH_MODEL = uid('1.2.840.10008.1.20.1');
const PUSH_MODEL_INSTANCE = '1.2.840.10008.1.20.1.1';
const CT = '1.2.840.10008.5.1.4.1.1.2';
const IMPLICIT = uid('1.2.840.10008.1.2');
const DEFLATED = uid('1.2.840.10008.1.2.1.99');

const associationOver: { now: () => void } = { now: () => undefined };
const association: ServedAssociation = {
  origin: {
    source: 'dimse',
    customer: customerKey('city-medical'),
    callingAeTitle: 'CT1',
    calledAeTitle: 'CITYMED',
  },
  isIdle: () => true,
  invoke: () => Promise.reject(new Error('nothing is sent here')),
  over: new Promise((resolve) => (associationOver.now = resolve)),
};

interface ActionFields {
  readonly sopClassUid?: string;
  readonly sopInstanceUid?: string;
  readonly actionTypeId?: number;
  readonly hasDataSet?: boolean;
  readonly transferSyntaxUid?: typeof IMPLICIT;
}
function action(fields: ActionFields = {}): DimseRequest {
  const { sopClassUid = PUSH_MODEL, sopInstanceUid = PUSH_MODEL_INSTANCE, actionTypeId = 1 } = fields;
  return {
    messageId: 7,
    commandField: COMMAND_FIELD['N-ACTION-RQ'],
    hasDataSet: fields.hasDataSet ?? true,
    context: {
      id: 1,
      abstractSyntaxUid: PUSH_MODEL,
      transferSyntaxUid: fields.transferSyntaxUid ?? IMPLICIT,
    },
    command: decodeCommandSet(
      encodeCommandSet([
        uidElement(COMMAND_ELEMENT.requestedSopClassUid, sopClassUid),
        uidElement(COMMAND_ELEMENT.requestedSopInstanceUid, sopInstanceUid),
        uint16Element(COMMAND_ELEMENT.actionTypeId, actionTypeId),
      ]),
    ),
  };
}

/** Action Information of references to CT instances. */
function information(sops: readonly string[], explicitVr = false): Buffer {
  const build = createDataSetBuilder({ explicitVr, littleEndian: true });
  const items = sops.map((sop) =>
    build.item([build.element(0x00081150, 'UI', CT), build.element(0x00081155, 'UI', sop)]),
  );
  return Buffer.concat([build.element(0x00081195, 'UI', '2.25.1'), build.sequence(0x00081199, items)]);
}

async function perform(
  service: DimseService,
  request: DimseRequest,
  dataSet?: Buffer,
): Promise<DimseResponse> {
  const operation = service.begin(request, association);
  // One byte and the rest, as fragments fall.
  if (dataSet !== undefined) {
    await operation.write(dataSet.subarray(0, 1));
    await operation.write(dataSet.subarray(1));
  }
  return operation.finish();
}

let accepted: NewCommitmentRequest[];
let woken: string[];
let acceptance: CommitmentAcceptance;
const associations = createWaitingAssociations();
function create(options: Partial<StorageCommitmentServiceOptions> = {}): DimseService {
  return createStorageCommitmentService({
    requests: {
      accept(request) {
        accepted.push(request);
        return Promise.resolve(acceptance);
      },
    },
    associations,
    clock: createFakeClock(),
    logger: createRecordingLogger(),
    onAccepted: (callingAeTitle) => woken.push(callingAeTitle),
    ...options,
  });
}
beforeEach(() => {
  accepted = [];
  woken = [];
  acceptance = 'accepted';
});

describe('an N-ACTION-RQ for storage commitment', () => {
  it('is kept under the customer of its Association, answered Success, and waited with', async () => {
    const response = await perform(create(), action(), information(['2.25.2', '2.25.3']));
    expect(response.status).toBe('success');
    expect(accepted).toEqual([
      {
        customer: 'city-medical',
        callingAeTitle: 'CT1',
        calledAeTitle: 'CITYMED',
        transactionUid: '2.25.1',
        references: [
          { sopClassUid: CT, sopInstanceUid: '2.25.2' },
          { sopClassUid: CT, sopInstanceUid: '2.25.3' },
        ],
      },
    ]);
    expect(woken).toEqual(['CT1']);
    const [key] = accepted;
    if (key === undefined) throw new Error('nothing was accepted');
    expect(associations.find(key)?.presentationContextId).toBe(1);
    associationOver.now();
    await association.over;
    expect(associations.find(key)).toBeUndefined();
  });

  it('is read from a deflated Data Set too, up to its bound', async () => {
    const plain = information(['2.25.2'], true);
    const request = action({ transferSyntaxUid: DEFLATED });
    expect(await perform(create(), request, deflateRawSync(plain))).toMatchObject({ status: 'success' });
    const bomb = deflateRawSync(Buffer.alloc(1_000_000));
    const bounded = create({ maxDataSetBytes: 100_000 });
    expect(await perform(bounded, request, bomb)).toMatchObject({ status: 'resource-limitation' });
  });

  it.each<[string, ActionFields, string]>([
    ['another SOP Class', { sopClassUid: '1.2.840.10008.1.1' }, 'no-such-sop-class'],
    ['another SOP Instance', { sopInstanceUid: '1.2.3' }, 'no-such-sop-instance'],
    ['another action', { actionTypeId: 2 }, 'no-such-action-type'],
    ['no Data Set', { hasDataSet: false }, 'missing-attribute'],
  ])('is refused for %s', async (_name, fields, status) => {
    expect(await perform(create(), action(fields), information(['2.25.2']))).toMatchObject({ status });
    expect(accepted).toEqual([]);
  });

  it.each<[string, Buffer, string]>([
    ['without references', information([]), 'missing-attribute'],
    ['with a broken Data Set', information(['2.25.2']).subarray(0, 30), 'invalid-argument-value'],
    ['with more references than allowed', information(['1.1', '1.2', '1.3', '1.4']), 'resource-limitation'],
    ['with more bytes than allowed', Buffer.alloc(1001), 'resource-limitation'],
  ])('is refused %s', async (_name, dataSet, status) => {
    const service = create({ maxReferences: 3, maxDataSetBytes: 1000 });
    expect(await perform(service, action(), dataSet)).toMatchObject({ status });
    expect(accepted).toEqual([]);
  });

  it.each<[CommitmentAcceptance, string]>([
    ['pending', 'success'],
    ['transaction-uid-in-use', 'invalid-argument-value'],
    ['full', 'resource-limitation'],
  ])('that is %s is answered %s', async (outcome, status) => {
    acceptance = outcome;
    expect(await perform(create(), action(), information(['2.25.2']))).toMatchObject({ status });
    expect(woken).toEqual(status === 'success' ? ['CT1'] : []);
  });
});

it('holds no more than its bound for all Associations, and lets go of it with each request', async () => {
  const service = create({ maxHeldBytes: 20_000 });
  const dataSet = information(['2.25.2']);
  const slow = service.begin(action(), association);
  for (let sent = 0; sent < 16_384; sent += 1) await slow.write(Buffer.alloc(1));
  expect(await perform(service, action(), dataSet)).toMatchObject({ status: 'resource-limitation' });
  await slow.abort();
  for (let index = 0; index < 20; index += 1) {
    expect(await perform(service, action(), dataSet)).toMatchObject({ status: 'success' });
  }
});

it('may be handed the same memory for each piece', async () => {
  const operation = create().begin(action(), association);
  const memory = Buffer.alloc(10);
  const dataSet = information(['2.25.2', '2.25.3']);
  for (let at = 0; at < dataSet.length; at += memory.length) {
    await operation.write(memory.subarray(0, dataSet.copy(memory, 0, at)));
  }
  expect(await operation.finish()).toMatchObject({ status: 'success' });
  expect(accepted[0]?.references.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(['2.25.2', '2.25.3']);
});

import { afterEach, describe, expect, test } from 'vitest';

import { customerKey } from '../../src/core/study/instance.ts';
import { writeCommitmentEvent } from '../../src/dicom/storage-commitment.ts';
import { uid } from '../../src/dicom/uid.ts';
import { createAwaitedCommitments } from '../../src/dimse/awaited-commitments.ts';
import {
  COMMAND_ELEMENT,
  COMMAND_FIELD,
  readUint16,
  uidElement,
  uint16Element,
} from '../../src/dimse/message/command-set.ts';
import { requestStorageCommitment } from '../../src/dimse/scu/commitment-scu.ts';
import { requestAssociation } from '../../src/dimse/scu/requestor.ts';
import { sendToPacs } from '../../src/dimse/scu/send-document.ts';
import { createCommitmentReportService } from '../../src/dimse/services/commitment-report.ts';
import { createSystemClock } from '../../src/platform/clock.ts';
import { syntheticCt } from '../support/data-sets.ts';
import { startDimseServer } from '../support/dimse-server.ts';
import { startOrthanc } from '../support/orthanc.ts';
import { arePeersInstalled } from '../support/peer-programs.ts';
import { createRecordingLogger } from '../support/recording-logger.ts';
import { CENTRES, createSite } from '../support/site.ts';

const { city } = CENTRES;
const PUSH_MODEL = uid('1.2.840.10008.1.20.1');
const PUSH_MODEL_INSTANCE = uid('1.2.840.10008.1.20.1.1');
const EXPLICIT = uid('1.2.840.10008.1.2.1');
const OWN_TITLE = 'AVARAINGEST';

const clock = createSystemClock();
const logger = createRecordingLogger();
const awaited = createAwaitedCommitments();
const signal = new AbortController().signal;
const customer = customerKey('city-medical');
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function object(sopInstanceUid: string) {
  const made = syntheticCt({ rows: 32, columns: 32, sopInstanceUid });
  return {
    dataSet: made.dataSet,
    sopClassUid: uid(made.sopClassUid),
    sopInstanceUid: uid(made.sopInstanceUid),
    transferSyntaxUid: made.transferSyntaxUid,
  };
}

const send = (to: { port: number; aeTitle: string }, callingAeTitle: string, sopInstanceUid: string) =>
  sendToPacs({
    host: '127.0.0.1',
    port: to.port,
    calledAeTitle: to.aeTitle,
    callingAeTitle,
    object: object(sopInstanceUid),
    customer,
    attempts: 0,
    awaited,
    clock,
    logger,
    signal,
  });

/** Our acceptor as the daemon has it, for a PACS that reports on an Association of its own. */
async function startAcceptor(pacsTitle: string) {
  const acceptor = await startDimseServer({
    services: [createCommitmentReportService({ awaited, logger })],
    admit: ({ callingAeTitle, calledAeTitle }) =>
      callingAeTitle === pacsTitle && calledAeTitle === OWN_TITLE
        ? { kind: 'admitted', customer, reportsOnly: true }
        : { kind: 'rejected', reason: 'calling-ae-title-not-recognized' },
  });
  closing.push(() => acceptor.server.close());
  return acceptor;
}

describe.skipIf(!arePeersInstalled('Orthanc'))('a PACS that reports on an Association of its own', () => {
  test('commits to what it was sent', async () => {
    const orthanc = await startOrthanc();
    closing.push(() => orthanc.close());
    const acceptor = await startAcceptor(orthanc.aeTitle);
    await orthanc.call('PUT', '/modalities/daemon', {
      AET: OWN_TITLE,
      Host: '127.0.0.1',
      Port: acceptor.port,
    });
    const result = await send({ port: orthanc.dicomPort, aeTitle: orthanc.aeTitle }, OWN_TITLE, '2.25.901');
    expect(result).toEqual({ kind: 'done', value: '2.25.901, committed' });
    expect(awaited.isCommitted('2.25.901')).toBe(true);
  }, 60_000);
});

describe('a PACS that reports on our Association', () => {
  async function startPacs() {
    const site = await createSite({});
    closing.push(() => site.close());
    const { dimse } = await site.start();
    return { port: dimse.port, aeTitle: city.calledAe };
  }

  test('commits to what it was sent', async () => {
    const pacs = await startPacs();
    expect(await send(pacs, 'CT1', '2.25.902')).toEqual({ kind: 'done', value: '2.25.902, committed' });
  }, 60_000);

  test('says so where it does not have the object', async () => {
    const pacs = await startPacs();
    const { sopClassUid, sopInstanceUid } = object('2.25.903');
    const outcome = await requestStorageCommitment({
      host: '127.0.0.1',
      port: pacs.port,
      callingAeTitle: 'CT1',
      calledAeTitle: pacs.aeTitle,
      reference: { sopClassUid, sopInstanceUid },
      customer,
      awaited,
      clock,
      logger,
      signal,
      waitMs: 20_000,
    });
    expect(outcome).toEqual({ kind: 'failed', reason: 0x0112 });
  }, 60_000);
});

test('a PACS without storage commitment is taken at its answer to C-STORE', async () => {
  const { port, server } = await startDimseServer({});
  closing.push(() => server.close());
  expect(await send({ port, aeTitle: 'CITYMED' }, 'CT1', '2.25.904')).toEqual({
    kind: 'done',
    value: '2.25.904; no storage commitment offered',
  });
});

test('a PACS that may only report can send nothing, and nothing that was not asked for', async () => {
  const acceptor = await startAcceptor('PACS');
  const request = (abstractSyntaxUid: string, role: 'SCU' | 'SCP') =>
    requestAssociation({
      host: '127.0.0.1',
      port: acceptor.port,
      callingAeTitle: 'PACS',
      calledAeTitle: OWN_TITLE,
      abstractSyntaxUid: uid(abstractSyntaxUid),
      transferSyntaxUids: [EXPLICIT],
      role,
      clock,
      timeoutMs: 10_000,
      signal,
    });
  await expect(request('1.2.840.10008.5.1.4.1.1.2', 'SCU')).rejects.toMatchObject({ isContextRefused: true });

  const association = await request(PUSH_MODEL, 'SCP');
  const { sopClassUid, sopInstanceUid } = object('2.25.905');
  const response = await association.invoke({
    presentationContextId: association.context.id,
    commandField: COMMAND_FIELD['N-EVENT-REPORT-RQ'],
    elements: [
      uidElement(COMMAND_ELEMENT.affectedSopClassUid, PUSH_MODEL),
      uidElement(COMMAND_ELEMENT.affectedSopInstanceUid, PUSH_MODEL_INSTANCE),
      uint16Element(COMMAND_ELEMENT.eventTypeId, 1),
    ],
    dataSet: writeCommitmentEvent(
      { transactionUid: uid('2.25.1'), committed: [{ sopClassUid, sopInstanceUid }], failed: [] },
      { explicitVr: true, littleEndian: true },
    ),
  });
  expect(readUint16(response, COMMAND_ELEMENT.status)).toBe(0x0112);
  expect(awaited.isCommitted(sopInstanceUid)).toBe(false);
  await association.release();
});

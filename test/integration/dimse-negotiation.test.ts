import { afterEach, describe, expect, test } from 'vitest';

import { STORAGE_SOP_CLASS_ROWS } from '../../src/dicom/dictionary/storage-sop-classes.ts';
import { startDimseServer } from '../support/dimse-server.ts';
import type { RunningDimseServer } from '../support/dimse-server.ts';
import { arePeersInstalled, runPeer } from '../support/peer-programs.ts';
import { associateRq, connectScriptedPeer, dataSetPdus, storeRq } from '../support/scripted-peer.ts';

let running: RunningDimseServer | undefined;
afterEach(async () => {
  await running?.server.close();
  running = undefined;
});

test('128 contexts with every kind of negotiation item: all answered, and the last context serves', async () => {
  running = await startDimseServer();
  const peer = await connectScriptedPeer(running.port);
  const classes = STORAGE_SOP_CLASS_ROWS.slice(0, 128).map(([suffix]) => `1.2.840.10008.${suffix}`);
  const presentationContexts = classes.map((abstractSyntaxUid, index) => ({
    id: index * 2 + 1,
    abstractSyntaxUid,
    transferSyntaxUids: ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.2'],
  }));
  const answer = await peer.associate(
    associateRq({
      presentationContexts,
      userInformation: {
        implementationVersionName: 'PYNETDICOM_202',
        asynchronousOperationsWindow: {
          maximumNumberOperationsInvoked: 5,
          maximumNumberOperationsPerformed: 5,
        },
        roleSelections: classes.map((sopClassUid) => ({ sopClassUid, scuRole: true, scpRole: true })),
        extendedNegotiations: [
          { sopClassUid: classes[0] ?? '', serviceClassApplicationInformation: Buffer.alloc(6, 1) },
        ],
        userIdentity: {
          userIdentityType: 2,
          positiveResponseRequested: true,
          primaryField: Buffer.from('user'),
          secondaryField: Buffer.from('word'),
        },
      },
    }),
  );
  expect(answer.presentationContexts).toHaveLength(128);
  expect(new Set(answer.presentationContexts.map(({ result }) => result))).toEqual(new Set([0]));
  expect(answer.userInformation).toMatchObject({
    asynchronousOperationsWindow: { maximumNumberOperationsInvoked: 1, maximumNumberOperationsPerformed: 1 },
    userIdentityResponse: Buffer.alloc(0),
    extendedNegotiations: [],
  });
  expect(
    new Set(answer.userInformation.roleSelections.map(({ scuRole, scpRole }) => `${scuRole} ${scpRole}`)),
  ).toEqual(new Set(['true false']));
  peer.send(storeRq({ contextId: 255, sopClassUid: classes[127] }), dataSetPdus(Buffer.alloc(1000), 255));
  expect(await peer.response()).toMatchObject({ status: 0, contextId: 255 });
  await peer.release();
});

describe.skipIf(!arePeersInstalled('findscu', 'movescu', 'echoscu'))('services that are not offered', () => {
  test.each([
    ['findscu', ['-S', '-k', 'QueryRetrieveLevel=STUDY']],
    ['movescu', ['-S', '-k', 'QueryRetrieveLevel=STUDY']],
  ])(
    '%s is told that its Presentation Contexts are not supported, and the acceptor goes on',
    async (program, argv) => {
      running = await startDimseServer();
      const address = ['-aet', 'CT1', '-aec', 'CITYMED', '127.0.0.1', String(running.port)];
      const ended = running.nextSummary();
      const { code, output } = await runPeer(program, [...argv, ...address]);
      expect(code).not.toBe(0);
      expect(output).toMatch(/No Acceptable Presentation Contexts|No presentation context/i);
      expect(await ended).toMatchObject({ contexts: [], objects: 0 });
      expect(await runPeer('echoscu', address)).toMatchObject({ code: 0 });
    },
  );
});

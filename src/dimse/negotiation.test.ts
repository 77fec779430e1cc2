import { describe, expect, test } from 'vitest';

import { uid } from '../dicom/uid.ts';
import { negotiate } from './negotiation.ts';
import type { Admission, AssociationRequest, NegotiationPolicy } from './negotiation.ts';
import type { AAssociateRq, UserInformation } from './pdu/types.ts';

const VERIFICATION = '1.2.840.10008.1.1';
const CT = '1.2.840.10008.5.1.4.1.1.2';
const FIND = '1.2.840.10008.5.1.4.1.2.2.1';
const IMPLICIT = '1.2.840.10008.1.2';
const EXPLICIT = '1.2.840.10008.1.2.1';

const POLICY: NegotiationPolicy = {
  acceptsAbstractSyntax: (abstractSyntaxUid) =>
    abstractSyntaxUid === CT || abstractSyntaxUid === VERIFICATION,
  acceptsTransferSyntax: (transferSyntaxUid) => transferSyntaxUid.startsWith('1.2.840.10008.1.2'),
  maxPduLengthBytes: 131_072,
  maxOperationsPerformed: 4,
  implementationClassUid: uid('1.2.3.4'),
  implementationVersionName: 'TEST_1',
};
const NO_INFORMATION: UserInformation = {
  roleSelections: [],
  extendedNegotiations: [],
  commonExtendedNegotiations: [],
};

function request(changes: Partial<Omit<AAssociateRq, 'type'>> = {}): AAssociateRq {
  return {
    type: 'A-ASSOCIATE-RQ',
    protocolVersion: 1,
    calledAeTitleField: 'CITYMED         ',
    callingAeTitleField: '  CT1           ',
    reserved: Buffer.alloc(32, 7),
    applicationContextName: '1.2.840.10008.3.1.1.1',
    presentationContexts: [{ id: 1, abstractSyntaxUid: CT, transferSyntaxUids: [EXPLICIT] }],
    userInformation: { ...NO_INFORMATION, maximumLengthReceived: 16_384 },
    ...changes,
  };
}

const admitAll = (): Admission<string> => ({ kind: 'admitted', admitted: 'city-medical' });

function accept(changes: Partial<Omit<AAssociateRq, 'type'>> = {}, policy: NegotiationPolicy = POLICY) {
  const negotiated = negotiate(request(changes), policy, admitAll);
  if (negotiated.kind !== 'accepted') throw new Error(`rejected: ${negotiated.reason}`);
  return negotiated;
}

describe('rejections (PS3.8 Table 9-21)', () => {
  test.each([
    ['a protocol version without bit 0', { protocolVersion: 2 }, 'protocol-version-not-supported', [1, 2, 2]],
    [
      'another Application Context',
      { applicationContextName: '1.2.840.10008.3.1.1.2' },
      'application-context-name-not-supported',
      [1, 1, 2],
    ],
    [
      'no Application Context',
      { applicationContextName: '' },
      'application-context-name-not-supported',
      [1, 1, 2],
    ],
    [
      'a blank called AE title',
      { calledAeTitleField: ' '.repeat(16) },
      'called-ae-title-not-recognized',
      [1, 1, 7],
    ],
    [
      'a calling AE title with control characters',
      { callingAeTitleField: 'CT\x011            ' },
      'calling-ae-title-not-recognized',
      [1, 1, 3],
    ],
  ] as const)('%s', (_name, changes, reason, [result, source, number]) => {
    expect(negotiate(request(changes), POLICY, admitAll)).toEqual({
      kind: 'rejected',
      reason,
      pdu: { type: 'A-ASSOCIATE-RJ', result, source, reason: number },
    });
  });

  test.each([
    ['no-reason-given', 1, 1, 1],
    ['calling-ae-title-not-recognized', 1, 1, 3],
    ['called-ae-title-not-recognized', 1, 1, 7],
    ['local-limit-exceeded', 2, 3, 2],
    ['temporary-congestion', 2, 3, 1],
    ['processing-failure', 2, 2, 1],
  ] as const)('%s, when admission says so', (reason, result, source, number) => {
    expect(negotiate(request(), POLICY, () => ({ kind: 'rejected', reason }))).toMatchObject({
      kind: 'rejected',
      reason,
      pdu: { result, source, reason: number },
    });
  });

  test('version bits that later standards may add do not hurt', () => {
    expect(accept({ protocolVersion: 0xffff }).pdu.protocolVersion).toBe(1);
  });
});

describe('acceptance', () => {
  test('admission is asked with the AE titles without their padding', () => {
    const asked: AssociationRequest[] = [];
    negotiate(request(), POLICY, (titles) => {
      asked.push(titles);
      return admitAll();
    });
    expect(asked).toEqual([{ calledAeTitle: 'CITYMED', callingAeTitle: 'CT1' }]);
  });

  test('the answer repeats what the standard wants repeated, and says who we are', () => {
    expect(accept().pdu).toEqual({
      type: 'A-ASSOCIATE-AC',
      protocolVersion: 1,
      calledAeTitleField: 'CITYMED         ',
      callingAeTitleField: '  CT1           ',
      reserved: Buffer.alloc(32, 7),
      applicationContextName: '1.2.840.10008.3.1.1.1',
      presentationContexts: [{ id: 1, result: 0, transferSyntaxUid: EXPLICIT }],
      userInformation: {
        ...NO_INFORMATION,
        maximumLengthReceived: 131_072,
        implementationClassUid: '1.2.3.4',
        implementationVersionName: 'TEST_1',
      },
    });
  });

  test('each Presentation Context has its own answer', () => {
    const negotiated = accept({
      presentationContexts: [
        { id: 1, abstractSyntaxUid: CT, transferSyntaxUids: [EXPLICIT, IMPLICIT] },
        { id: 3, abstractSyntaxUid: FIND, transferSyntaxUids: [IMPLICIT] },
        { id: 5, abstractSyntaxUid: CT, transferSyntaxUids: ['1.9.9'] },
        { id: 7, abstractSyntaxUid: CT, transferSyntaxUids: [] },
        { id: 9, abstractSyntaxUid: 'not a uid', transferSyntaxUids: [IMPLICIT] },
        { id: 11, abstractSyntaxUid: CT, transferSyntaxUids: [IMPLICIT] },
      ],
    });
    expect(negotiated.pdu.presentationContexts).toEqual([
      { id: 1, result: 0, transferSyntaxUid: EXPLICIT },
      { id: 3, result: 3, transferSyntaxUid: IMPLICIT },
      { id: 5, result: 4, transferSyntaxUid: '1.9.9' },
      { id: 7, result: 4, transferSyntaxUid: IMPLICIT },
      { id: 9, result: 3, transferSyntaxUid: IMPLICIT },
      { id: 11, result: 0, transferSyntaxUid: IMPLICIT },
    ]);
    expect([...negotiated.contexts.values()]).toEqual([
      { id: 1, abstractSyntaxUid: CT, transferSyntaxUid: EXPLICIT },
      { id: 11, abstractSyntaxUid: CT, transferSyntaxUid: IMPLICIT },
    ]);
  });

  test('a context per Transfer Syntax, as pynetdicom senders propose for what they hold: each accepted as it is', () => {
    const held = [
      IMPLICIT,
      EXPLICIT,
      '1.2.840.10008.1.2.4.50',
      '1.2.840.10008.1.2.4.70',
      '1.2.840.10008.1.2.5',
    ];
    const presentationContexts = held.map((transferSyntaxUid, index) => ({
      id: index * 2 + 1,
      abstractSyntaxUid: CT,
      transferSyntaxUids: [transferSyntaxUid],
    }));
    const { contexts } = accept({ presentationContexts });
    expect([...contexts.values()].map(({ transferSyntaxUid }) => transferSyntaxUid)).toEqual(held);
  });

  test('many Transfer Syntaxes in one context, as pynetdicom proposes by default: one of them, uncompressed', () => {
    const transferSyntaxUids = [IMPLICIT, EXPLICIT, '1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.2'];
    const presentationContexts = [{ id: 1, abstractSyntaxUid: CT, transferSyntaxUids }];
    expect(accept({ presentationContexts }).pdu.presentationContexts).toEqual([
      { id: 1, result: 0, transferSyntaxUid: EXPLICIT },
    ]);
  });

  test('128 Presentation Contexts, all there can be, are accepted', () => {
    const presentationContexts = Array.from({ length: 128 }, (_, index) => ({
      id: index * 2 + 1,
      abstractSyntaxUid: CT,
      transferSyntaxUids: [EXPLICIT],
    }));
    expect(accept({ presentationContexts }).contexts.size).toBe(128);
  });

  test('an Association without an acceptable Presentation Context is accepted all the same', () => {
    const presentationContexts = [{ id: 1, abstractSyntaxUid: FIND, transferSyntaxUids: [IMPLICIT] }];
    expect(accept({ presentationContexts }).contexts.size).toBe(0);
  });
});

describe('user information', () => {
  const withInfo = (info: Partial<UserInformation>, policy = POLICY) =>
    accept({ userInformation: { ...NO_INFORMATION, ...info } }, policy);

  test('the SCU role is granted for what was accepted, the SCP role never', () => {
    const { pdu } = withInfo({
      roleSelections: [
        { sopClassUid: CT, scuRole: true, scpRole: true },
        { sopClassUid: FIND, scuRole: true, scpRole: false },
      ],
    });
    expect(pdu.userInformation.roleSelections).toEqual([{ sopClassUid: CT, scuRole: true, scpRole: false }]);
  });

  test('a requestor that only wants to receive is refused that context', () => {
    const { pdu, contexts } = withInfo({
      roleSelections: [{ sopClassUid: CT, scuRole: false, scpRole: true }],
    });
    expect(pdu.presentationContexts).toEqual([{ id: 1, result: 1, transferSyntaxUid: EXPLICIT }]);
    expect(pdu.userInformation.roleSelections).toEqual([]);
    expect(contexts.size).toBe(0);
  });

  test.each([
    [undefined, undefined, 1],
    [{ maximumNumberOperationsInvoked: 1, maximumNumberOperationsPerformed: 1 }, 1, 1],
    [{ maximumNumberOperationsInvoked: 3, maximumNumberOperationsPerformed: 9 }, 3, 3],
    [{ maximumNumberOperationsInvoked: 0, maximumNumberOperationsPerformed: 0 }, 4, 4],
    [{ maximumNumberOperationsInvoked: 60_000, maximumNumberOperationsPerformed: 1 }, 4, 4],
  ])('an Asynchronous Operations Window of %j is answered with %s', (asked, answered, window) => {
    const negotiated = withInfo(asked === undefined ? {} : { asynchronousOperationsWindow: asked });
    const answer = negotiated.pdu.userInformation.asynchronousOperationsWindow;
    expect(answer?.maximumNumberOperationsInvoked).toBe(answered);
    expect(negotiated.operationsWindow).toBe(window);
  });

  test.each([
    [1, true, true],
    [2, true, true],
    [2, false, false],
    [3, true, false],
    [5, true, false],
  ])('user identity type %i, answer asked for: %s; answered: %s', (userIdentityType, asked, answered) => {
    const { pdu } = withInfo({
      userIdentity: {
        userIdentityType,
        positiveResponseRequested: asked,
        primaryField: Buffer.from('ann'),
        secondaryField: Buffer.alloc(0),
      },
    });
    expect(pdu.userInformation.userIdentityResponse).toEqual(answered ? Buffer.alloc(0) : undefined);
  });

  test('neither role wanted: the context is refused, for nothing could be done on it', () => {
    const { pdu } = withInfo({ roleSelections: [{ sopClassUid: CT, scuRole: false, scpRole: false }] });
    expect(pdu.presentationContexts).toEqual([{ id: 1, result: 1, transferSyntaxUid: EXPLICIT }]);
  });

  test('the default roles, spelled out, are confirmed', () => {
    const roleSelections = [{ sopClassUid: CT, scuRole: true, scpRole: false }];
    expect(withInfo({ roleSelections }).pdu.userInformation.roleSelections).toEqual(roleSelections);
  });

  test('extended negotiation is answered with nothing, which leaves the defaults of the SOP Class in force', () => {
    const { pdu, contexts } = withInfo({
      extendedNegotiations: [
        { sopClassUid: CT, serviceClassApplicationInformation: Buffer.of(2, 0, 3, 0, 1, 0) },
      ],
      commonExtendedNegotiations: [
        { sopClassUid: CT, serviceClassUid: '1.2.840.10008.4.2', relatedGeneralSopClassUids: [] },
      ],
    });
    expect(contexts.size).toBe(1);
    expect(pdu.userInformation.extendedNegotiations).toEqual([]);
    expect(pdu.userInformation.commonExtendedNegotiations).toEqual([]);
  });

  test('we are asked to perform no more at once than anybody may be by default', () => {
    const asynchronousOperationsWindow = {
      maximumNumberOperationsInvoked: 8,
      maximumNumberOperationsPerformed: 8,
    };
    const answer = withInfo({ asynchronousOperationsWindow }).pdu.userInformation
      .asynchronousOperationsWindow;
    expect(answer).toEqual({ maximumNumberOperationsInvoked: 4, maximumNumberOperationsPerformed: 1 });
  });

  test("the peer's own limit is kept for what we send; none named means none", () => {
    expect(withInfo({ maximumLengthReceived: 4096 }).peerMaxPduLengthBytes).toBe(4096);
    expect(withInfo({}).peerMaxPduLengthBytes).toBe(0);
  });
});

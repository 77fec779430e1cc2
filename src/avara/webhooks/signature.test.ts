import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { WebhookRequest } from '../../core/ports/webhook-receiver.ts';
import { verifySignature } from './signature.ts';

const SECRET = 'whsec_aW5nZXN0LXRlc3Qta2V5LTAx';
const BODY =
  '{"id":"whe_00000000000000000000000000000001","type":"study.access_requested","data":{"studyId":"stu_00000000000000000000000000000002","studyInstanceUid":"1.2.3.4"}}';
const SENT_AT = 1_767_225_600_000;

// Computed independently, for the body and secret above.
const WHOLE_SECRET = '8478e0a955ab1d905b4d8e5334f1724fc328d1b6321b79e7ff566d76a59db516';
const DECODED_SECRET = '252a3dcace927b99decc96c53135a14f059cd01690c80cba5a64611b6744fdb7';
const STANDARD = 'v1,LZv0RQfSCc5jz3WE4RmQYHay3xyhFnhra5PsC7LwSxs=';

type Headers = Readonly<Record<string, string | readonly string[]>>;
const avara = { 'x-avara-signature': WHOLE_SECRET, 'x-avara-timestamp': String(SENT_AT) };
const standard = {
  'webhook-id': 'msg_1',
  'webhook-timestamp': String(SENT_AT / 1000),
  'webhook-signature': STANDARD,
};

function request(headers: Headers, body = BODY): WebhookRequest {
  return { body: Buffer.from(body), header: (name) => [headers[name] ?? []].flat() };
}

function verify(headers: Headers, options: { body?: string; now?: number; secrets?: string[] } = {}) {
  return verifySignature(request(headers, options.body), {
    secrets: options.secrets ?? [SECRET],
    now: options.now ?? SENT_AT,
    toleranceMs: 300_000,
  });
}

describe('verifySignature', () => {
  it.each([
    ['avara', avara],
    ['avara', { ...avara, 'x-avara-signature': WHOLE_SECRET.toUpperCase() }],
    ['avara-decoded-key', { ...avara, 'x-avara-signature': DECODED_SECRET }],
    ['standard-webhooks', standard],
    ['standard-webhooks', { ...standard, 'webhook-signature': `v2,abc v1,${'A'.repeat(43)}= ${STANDARD}` }],
    ['avara', { ...avara, ...standard, 'webhook-signature': 'v1,nonsense' }],
    ['standard-webhooks', { ...standard, ...avara, 'x-avara-signature': '00'.repeat(32) }],
  ])('accepts %s: %o', (scheme, headers) => {
    expect(verify(headers)).toEqual({ isValid: true, scheme, secrets: [SECRET] });
  });

  it.each<[string, Headers]>([
    ['missing-signature', {}],
    ['missing-signature', { 'x-avara-timestamp': String(SENT_AT), 'webhook-id': 'msg_1' }],
    ['malformed-signature', { 'x-avara-signature': WHOLE_SECRET }],
    ['malformed-signature', { ...avara, 'x-avara-signature': 'junk' }],
    ['malformed-signature', { ...avara, 'x-avara-signature': `${WHOLE_SECRET}00` }],
    ['malformed-signature', { ...avara, 'x-avara-timestamp': 'yesterday' }],
    ['malformed-signature', { ...avara, 'x-avara-timestamp': '17672256000000000' }],
    ['malformed-signature', { ...standard, 'webhook-id': '' }],
    ['malformed-signature', { ...standard, 'webhook-signature': STANDARD.slice(3) }],
    ['malformed-signature', { ...standard, 'webhook-signature': STANDARD.replace('v1', 'v2') }],
    ['wrong-signature', { ...avara, 'x-avara-signature': '00'.repeat(32) }],
    ['wrong-signature', { ...avara, 'x-avara-timestamp': String(SENT_AT + 1) }],
    ['wrong-signature', { ...standard, 'webhook-id': 'msg_2' }],
    ['repeated-header', { ...avara, 'x-avara-signature': [WHOLE_SECRET, WHOLE_SECRET] }],
    ['repeated-header', { ...avara, 'x-avara-timestamp': [String(SENT_AT), '1'] }],
    ['repeated-header', { ...standard, 'webhook-signature': [STANDARD, 'v1,x'] }],
    ['repeated-header', { ...avara, 'webhook-id': ['a', 'b'] }],
  ])('refuses: %s (%#)', (reason, headers) => {
    expect(verify(headers)).toEqual({ isValid: false, reason });
  });

  it.each([
    ['Avara’s scheme', avara],
    ['Standard Webhooks', standard],
  ])('refuses a changed body under %s, a single space included', (_, headers) => {
    const body = BODY.replace('"data":', '"data": ');
    expect(verify(headers, { body })).toEqual({ isValid: false, reason: 'wrong-signature' });
  });

  it.each([
    ['Avara’s scheme', avara],
    ['Standard Webhooks', standard],
  ])('refuses what is older or newer than the tolerance under %s', (_, headers) => {
    for (const off of [-300_000, 300_000]) {
      expect(verify(headers, { now: SENT_AT + off })).toMatchObject({ isValid: true });
    }
    expect(verify(headers, { now: SENT_AT + 300_001 })).toEqual({
      isValid: false,
      reason: 'timestamp-outside-tolerance',
      skewMs: -300_001,
    });
    expect(verify(headers, { now: SENT_AT - 300_001 })).toMatchObject({ skewMs: 300_001 });
  });

  it('takes a ten-digit timestamp of Avara’s scheme for seconds', () => {
    const timestamp = String(SENT_AT / 1000);
    const signature = createHmac('sha256', SECRET)
      .update(timestamp + BODY)
      .digest('hex');
    const headers = { 'x-avara-timestamp': timestamp, 'x-avara-signature': signature };
    expect(verify(headers)).toMatchObject({ isValid: true });
    expect(verify(headers, { now: SENT_AT + 400_000 })).toMatchObject({ isValid: false });
  });

  it('says which of several secrets made the signature', () => {
    const secrets = ['whsec_b3RoZXItc2VjcmV0LTAx', SECRET, 'a plain secret'];
    expect(verify(avara, { secrets })).toMatchObject({ secrets: [SECRET] });
    expect(verify(standard, { secrets })).toMatchObject({ secrets: [SECRET] });
    expect(verify(avara, { secrets: ['whsec_b3RoZXItc2VjcmV0LTAx'] })).toMatchObject({ isValid: false });
    expect(verify(avara, { secrets: [] })).toMatchObject({ isValid: false });
  });

  it('never takes the empty key that a bare prefix decodes to', () => {
    const empty = (content: string) => createHmac('sha256', '').update(content).digest();
    const forgedAvara = { ...avara, 'x-avara-signature': empty(`${SENT_AT}${BODY}`).toString('hex') };
    const digest = empty(`msg_1.${SENT_AT / 1000}.${BODY}`).toString('base64');
    const forgedStandard = { ...standard, 'webhook-signature': `v1,${digest}` };
    for (const secrets of [['whsec_'], ['whsec_===='], ['']]) {
      expect(verify(forgedStandard, { secrets })).toMatchObject({ isValid: false });
      expect(verify(forgedAvara, { secrets })).toMatchObject({ isValid: false });
    }
  });
});

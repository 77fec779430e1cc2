import { describe, expect, it } from 'vitest';
import { EmulatorError } from './errors.ts';
import { signWebhook } from './webhook-signature.ts';

const body = Buffer.from(
  '{"id":"whe_00000000000000000000000000000001","type":"study.access_requested","data":{"studyId":"stu_00000000000000000000000000000002","studyInstanceUid":"1.2.3.4"}}',
);
const common = {
  body,
  secret: 'whsec_aW5nZXN0LXRlc3Qta2V5LTAx',
  timestampMs: 1767225600000,
  messageId: 'msg_1',
};

describe('signWebhook', () => {
  it('signs with the whole secret as key', () => {
    expect(signWebhook({ ...common, signing: { scheme: 'avara-headers', key: 'whole-secret' } })).toEqual({
      'x-avara-timestamp': '1767225600000',
      'x-avara-signature': '8478e0a955ab1d905b4d8e5334f1724fc328d1b6321b79e7ff566d76a59db516',
    });
  });

  it('signs with the decoded secret as key', () => {
    expect(signWebhook({ ...common, signing: { scheme: 'avara-headers', key: 'decoded-secret' } })).toEqual({
      'x-avara-timestamp': '1767225600000',
      'x-avara-signature': '252a3dcace927b99decc96c53135a14f059cd01690c80cba5a64611b6744fdb7',
    });
  });

  it('signs as Standard Webhooks', () => {
    expect(signWebhook({ ...common, signing: { scheme: 'standard-webhooks' } })).toEqual({
      'webhook-id': 'msg_1',
      'webhook-timestamp': '1767225600',
      'webhook-signature': 'v1,LZv0RQfSCc5jz3WE4RmQYHay3xyhFnhra5PsC7LwSxs=',
    });
  });

  it('refuses to decode a secret of another form', () => {
    expect(() =>
      signWebhook({ ...common, secret: 'plain', signing: { scheme: 'standard-webhooks' } }),
    ).toThrow(EmulatorError);
  });
});

import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { uid } from '../../dicom/uid.ts';
import type { CustomerKey } from '../study/instance.ts';
import { verifyObjectToken } from './object-token.ts';
import { createObjectUrls } from './object-urls.ts';

const study = { customer: 'city-medical' as CustomerKey, studyInstanceUid: uid('1.2.3') };
const signingKey = { id: 'k1', secret: Buffer.alloc(32, 7), createdAt: 0 };
const keys = { current: () => signingKey, find: () => signingKey };
const clock = createFakeClock();
const urlsAt = (publicUrl: string | (() => string)) =>
  createObjectUrls({ publicUrl, keys, clock, lifetimeSeconds: 3600 });

describe('object URLs', () => {
  it('name study, series and instance and share one token, good for the lifetime', () => {
    const { head, tail } = urlsAt('https://images.example.org').forStudy(study);
    expect(head(uid('1.2.3.5'))).toBe('https://images.example.org/objects/1.2.3/1.2.3.5/');
    const url = new URL(`${head(uid('1.2.3.4'))}1.2.9${tail}`);
    expect(url.pathname).toBe('/objects/1.2.3/1.2.3.4/1.2.9.dcm');
    const token = url.searchParams.get('token') ?? '';
    const verdict = verifyObjectToken(token, keys, clock.now(), '1.2.3');
    expect(verdict).toMatchObject({ ok: true, grant: { study } });
    expect(verdict.ok && verdict.grant.expiresAtSeconds).toBe(clock.now() / 1000 + 3600);
  });

  it.each([
    ['https://images.example.org/', 'https://images.example.org/objects/1.2.3/'],
    ['https://example.org/dicom/', 'https://example.org/dicom/objects/1.2.3/'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/objects/1.2.3/'],
  ])('below %s start with %s', (publicUrl, start) => {
    expect(urlsAt(publicUrl).forStudy(study).head(uid('1.2.4'))).toBe(`${start}1.2.4/`);
    expect(
      urlsAt(() => publicUrl)
        .forStudy(study)
        .head(uid('1.2.4')),
    ).toBe(`${start}1.2.4/`);
  });

  it('carry a token that opens this study of this customer and no other', () => {
    const { tail } = urlsAt('https://images.example.org').forStudy(study);
    const token = tail.slice('.dcm?token='.length);
    expect(verifyObjectToken(token, keys, clock.now(), '1.2.4')).toMatchObject({ reason: 'other-study' });
    expect(verifyObjectToken(token, keys, clock.now(), '1.2.3')).toMatchObject({
      ok: true,
      grant: { study },
    });
  });

  it('refuse a public URL with a query, and a lifetime of nothing', () => {
    expect(() => urlsAt('https://images.example.org/?a=b')).toThrow(RangeError);
    expect(() =>
      createObjectUrls({ publicUrl: 'https://images.example.org', keys, clock, lifetimeSeconds: 0 }),
    ).toThrow(RangeError);
  });
});

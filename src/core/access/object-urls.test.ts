import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { uid } from '../../dicom/uid.ts';
import type { CustomerKey, InstanceKey } from '../study/instance.ts';
import type { InstanceRecord } from '../study/study.ts';
import { verifyObjectToken } from './object-token.ts';
import { createObjectUrls } from './object-urls.ts';

const study = { customer: 'city-medical' as CustomerKey, studyInstanceUid: uid('1.2.3') };
const instance = (sop: string, key: Partial<InstanceKey> = {}): InstanceRecord => ({
  key: { ...study, seriesInstanceUid: uid('1.2.3.4'), sopInstanceUid: uid(sop), ...key },
  sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
  transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
  fileBytes: 1,
  dataSetOffset: 0,
  sha256: '',
  receivedAt: 0,
  image: {},
});
const signingKey = { id: 'k1', secret: Buffer.alloc(32, 7), createdAt: 0 };
const keys = { current: () => signingKey, find: () => signingKey };
const clock = createFakeClock();
const urlsAt = (publicUrl: string | (() => string)) =>
  createObjectUrls({ publicUrl, keys, clock, lifetimeSeconds: 3600 });

describe('object URLs', () => {
  it('are in the order given and share one token, good for the lifetime', () => {
    const urls = urlsAt('https://images.example.org').forStudy(study, [instance('1.2.9'), instance('1.2.5')]);
    const [first, second] = urls.map((url) => new URL(url));
    expect(first?.href).toMatch(
      /^https:\/\/images\.example\.org\/objects\/1\.2\.3\/1\.2\.3\.4\/1\.2\.9\.dcm\?token=/,
    );
    expect(second?.pathname).toBe('/objects/1.2.3/1.2.3.4/1.2.5.dcm');
    const token = first?.searchParams.get('token') ?? '';
    expect(second?.searchParams.get('token')).toBe(token);
    const verdict = verifyObjectToken(token, keys, clock.now(), '1.2.3');
    expect(verdict).toMatchObject({ ok: true, grant: { study } });
    expect(verdict.ok && verdict.grant.expiresAtSeconds).toBe(clock.now() / 1000 + 3600);
  });

  it.each([
    ['https://images.example.org/', 'https://images.example.org/objects/1.2.3/'],
    ['https://example.org/dicom/', 'https://example.org/dicom/objects/1.2.3/'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/objects/1.2.3/'],
  ])('below %s start with %s', (publicUrl, start) => {
    expect(urlsAt(publicUrl).forStudy(study, [instance('1.2.9')])[0]).toContain(start);
    expect(urlsAt(() => publicUrl).forStudy(study, [instance('1.2.9')])[0]).toContain(start);
  });

  it('are never made for an instance of another study or customer', () => {
    const urls = urlsAt('https://images.example.org');
    expect(() => urls.forStudy(study, [instance('1.2.9', { customer: 'county' as CustomerKey })])).toThrow(
      RangeError,
    );
    expect(() => urls.forStudy(study, [instance('1.2.9', { studyInstanceUid: uid('1.2.4') })])).toThrow(
      RangeError,
    );
  });

  it('refuse a public URL with a query, and a lifetime of nothing', () => {
    expect(() => urlsAt('https://images.example.org/?a=b')).toThrow(RangeError);
    expect(() =>
      createObjectUrls({ publicUrl: 'https://images.example.org', keys, clock, lifetimeSeconds: 0 }),
    ).toThrow(RangeError);
  });
});

import { describe, expect, it } from 'vitest';
import { Hono } from 'hono';
import { createErrorHandler } from '../errors.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import { negotiate, negotiateFor, parseAccept } from './accept.ts';
import type { MediaOffer } from './accept.ts';
import type { DicomWebEnv } from './env.ts';

const EXPLICIT = '1.2.840.10008.1.2.1';
const JPEG = '1.2.840.10008.1.2.4.70';
const JSON_OFFER: MediaOffer = { mediaType: 'application/dicom+json', isMultipart: false };
const XML_OFFER: MediaOffer = { mediaType: 'application/dicom+xml', isMultipart: true };
const DICOM_OFFER: MediaOffer = {
  mediaType: 'application/dicom',
  isMultipart: true,
  transferSyntaxes: [JPEG, EXPLICIT],
};

describe('parseAccept', () => {
  it('reads types, quoted and plain parameters, and weights', () => {
    const [first, second] = parseAccept(
      'Multipart/Related; type="application/DICOM"; transfer-syntax=*; q=0.5 , image/*;q=0',
    );
    expect(first).toMatchObject({
      mediaType: 'application/dicom',
      isMultipart: true,
      transferSyntax: '*',
      quality: 0.5,
    });
    expect(second).toMatchObject({ mediaType: 'image/*', isMultipart: false, quality: 0 });
  });

  it('does not split at commas and semicolons inside quotes', () => {
    const ranges = parseAccept('application/json; note="a,b;q=0\\"", text/plain');
    expect(ranges.map(({ mediaType }) => mediaType)).toEqual(['application/json', 'text/plain']);
    expect(ranges[0]?.parameters.get('note')).toBe('a,b;q=0"');
    expect(ranges[0]?.quality).toBe(1);
  });

  it.each(['', 'json', '*/json', 'application/', 'text/plain;q=2', '/', ',,,'])('leaves out %j', (text) => {
    expect(parseAccept(text)).toEqual([]);
  });

  it('leaves out what a quote that is never closed takes in', () => {
    const ranges = parseAccept('text/plain, application/json;a="b, image/png');
    expect(ranges.map(({ mediaType }) => mediaType)).toEqual(['text/plain', 'application/json']);
  });

  it('reads no more than a bounded number of ranges', () => {
    expect(parseAccept('a/b,'.repeat(10_000)).length).toBeLessThan(100);
  });
});

describe('negotiate', () => {
  const pick = (accept: string, ...offers: MediaOffer[]) => negotiate(parseAccept(accept), offers)?.offer;

  it('takes the default for any type', () => {
    expect(pick('*/*', JSON_OFFER, XML_OFFER)).toBe(JSON_OFFER);
    expect(pick('application/*', XML_OFFER, JSON_OFFER)).toBe(JSON_OFFER);
  });

  it('keeps single and multipart forms apart', () => {
    expect(pick('application/dicom+xml', XML_OFFER)).toBeUndefined();
    expect(pick('multipart/related; type="application/dicom+json"', JSON_OFFER)).toBeUndefined();
    expect(pick('multipart/related', JSON_OFFER, XML_OFFER)).toBe(XML_OFFER);
    expect(pick('multipart/related; type=application/dicom+xml', JSON_OFFER, XML_OFFER)).toBe(XML_OFFER);
  });

  it('follows weights, then what the sender named first', () => {
    const both = 'application/dicom+json;q=0.4, multipart/related;type="application/dicom+xml";q=0.8';
    expect(pick(both, JSON_OFFER, XML_OFFER)).toBe(XML_OFFER);
    const equal = 'multipart/related;type="application/dicom+xml", application/dicom+json';
    expect(pick(equal, JSON_OFFER, XML_OFFER)).toBe(XML_OFFER);
  });

  it('lets a specific refusal win over a wildcard', () => {
    expect(pick('application/dicom+json;q=0, */*', JSON_OFFER, XML_OFFER)).toBe(XML_OFFER);
    expect(pick('application/dicom+json;q=0, */*', JSON_OFFER)).toBeUndefined();
  });

  it('matches transfer syntaxes, any of them with an asterisk', () => {
    const asking = (syntax: string) =>
      `multipart/related; type="application/dicom"; transfer-syntax=${syntax}`;
    expect(pick(asking('*'), DICOM_OFFER)).toBe(DICOM_OFFER);
    expect(pick(asking(JPEG), DICOM_OFFER)).toBe(DICOM_OFFER);
    expect(pick(asking('1.2.840.10008.1.2.4.90'), DICOM_OFFER)).toBeUndefined();
    const found = negotiate(parseAccept(`${asking(EXPLICIT)};q=0.2, ${asking(JPEG)}`), [DICOM_OFFER]);
    expect(found?.range.transferSyntax).toBe(EXPLICIT);
  });
});

describe('negotiateFor', () => {
  const app = new Hono<DicomWebEnv>();
  app.onError((error, c) => createErrorHandler(createRecordingLogger())(error, c as never));
  app.get('/', (c) => c.text(negotiateFor(c, [JSON_OFFER, XML_OFFER]).offer.mediaType));
  const ask = async (query: string, accept?: string): Promise<string> => {
    const response = await app.request(`/${query}`, accept === undefined ? {} : { headers: { accept } });
    return `${response.status} ${await response.text()}`;
  };

  it('takes the default where nothing is asked for', async () => {
    expect(await ask('')).toBe('200 application/dicom+json');
  });

  it('tries the accept parameter first, then the header', async () => {
    const xml = 'multipart/related; type="application/dicom+xml"';
    expect(await ask(`?accept=${encodeURIComponent(xml)}`, 'application/dicom+json')).toContain('dicom+xml');
    expect(await ask('?accept=image/png', xml)).toContain('200 application/dicom+xml');
    expect(await ask('?accept=application/dicom+json', 'image/png')).toBe('200 application/dicom+json');
  });

  it('answers 406 and names what there is', async () => {
    const answer = await ask('', 'image/png');
    expect(answer).toMatch(/^406 /);
    expect(answer).toContain('application/dicom+json, multipart/related; type=');
  });
});

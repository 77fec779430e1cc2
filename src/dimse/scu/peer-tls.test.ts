import type { PeerCertificate } from 'node:tls';

import { describe, expect, it } from 'vitest';

import { checkPeerName } from './peer-tls.ts';

const certificate = (CN: string | string[], subjectaltname?: string): PeerCertificate =>
  ({ subject: { CN }, subjectaltname }) as unknown as PeerCertificate;

describe('the name in a certificate', () => {
  it.each([
    ['pacs.example', certificate('pacs.example')],
    ['pacs.example', certificate('other', 'DNS:ris.example, DNS:pacs.example')],
    ['pacs.hospital.example', certificate('x', 'DNS:*.hospital.example')],
    ['10.20.1.5', certificate('x', 'IP Address:10.20.1.5')],
    // No host name, as devices have it.
    ['CT Scanner 1', certificate('CT Scanner 1')],
    ['10.20.1.5', certificate('10.20.1.5')],
  ])('%s is met', (expected, shown) => {
    expect(checkPeerName(expected, shown)).toBeUndefined();
  });

  it.each([
    ['pacs.example', certificate('ris.example'), 'ris.example'],
    // Alternative names, where there are any, are all that counts.
    ['pacs.example', certificate('pacs.example', 'DNS:ris.example'), 'ris.example'],
    ['CT Scanner 1', certificate('CT Scanner 1', 'DNS:ct2.example'), 'ct2.example'],
    ['10.20.1.5', certificate('x', 'DNS:a.example, IP Address:10.20.1.6'), 'a.example, 10.20.1.6'],
    ['ct scanner 1', certificate('CT Scanner 1'), 'CT Scanner 1'],
    ['pacs.example', certificate([]), 'nobody in particular'],
    ['pacs.example', certificate('a\nb\u001b[31m'), 'a?b?[31m'],
  ])('%s is not met by another', (expected, shown, names) => {
    expect(checkPeerName(expected, shown)?.message).toBe(
      `its certificate is for ${names}, not for ${expected}`,
    );
  });
});

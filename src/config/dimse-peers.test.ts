import { expect, it } from 'vitest';

import { configSchema } from './schema.ts';

const peer = (aeTitle: string) => ({ aeTitle, host: '10.20.1.5', port: 104 });
const problemsOf = (dimse: unknown): readonly string[] =>
  (configSchema.shape.dimse.safeParse(dimse).error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );

it('has no peers unless they are named, and reports for three days', () => {
  expect(configSchema.shape.dimse.parse(undefined)).toMatchObject({ peers: [], commitmentReportDays: 3 });
});

it('takes each AE title once, in the form that it has on the wire', () => {
  expect(configSchema.shape.dimse.parse({ peers: [peer(' CT1 ')] }).peers).toEqual([
    { ...peer('CT1'), tls: false },
  ]);
  expect(problemsOf({ peers: [peer('CT1'), peer('CT1 ')] })).toEqual(['peers: must name each AE title once']);
  expect(problemsOf({ peers: [peer('A\\B')] })).toHaveLength(1);
  expect(problemsOf({ peers: [{ ...peer('CT1'), port: 0 }] })).toHaveLength(1);
});

it('calls a peer over TLS with what the configuration says, and plainly otherwise', () => {
  const tlsOf = (tls: unknown) =>
    configSchema.shape.dimse.parse({ peers: [{ ...peer('CT1'), tls }] }).peers[0]?.tls;
  expect(tlsOf(undefined)).toBe(false);
  expect(tlsOf(false)).toBe(false);
  expect(tlsOf(true)).toEqual({});
  const all = { ca: 'ca.pem', cert: 'own.pem', key: 'own.key', serverName: 'CT Scanner 1' };
  expect(tlsOf(all)).toEqual(all);
  for (const [tls, problem] of [
    [{ cert: 'own.pem' }, 'peers.0.tls: must have "cert" and "key" together, or neither'],
    [{ keyPassphrase: 'four words' }, 'peers.0.tls: must have "key" where there is "keyPassphrase"'],
    [{ crl: [] }, 'peers.0.tls.crl: must name at least one file'],
    [{ serverName: '' }, 'peers.0.tls.serverName: must be a name as it stands in the certificate'],
    ['yes', 'peers.0.tls: must be true, false, or an object'],
  ] as const) {
    expect(problemsOf({ peers: [{ ...peer('CT1'), tls }] })).toEqual([expect.stringContaining(problem)]);
  }
});

import type { Config, PeerTlsConfig } from './config.ts';

/** TLS settings of a peer that the daemon connects to. */
export interface PeerTlsSetting {
  /** Where they stand in the configuration: `dimse.peers[0].tls`. */
  readonly path: string;
  readonly aeTitle: string;
  readonly tls: Exclude<PeerTlsConfig, false>;
}

/** Every peer that is connected to over TLS. */
export function peerTlsSettings(config: Pick<Config, 'dimse' | 'customers'>): readonly PeerTlsSetting[] {
  const all = [
    ...config.dimse.peers.map(({ aeTitle, tls }, index) => ({
      path: `dimse.peers[${index}].tls`,
      aeTitle,
      tls,
    })),
    ...Object.entries(config.customers).flatMap(([key, { reports }]) =>
      reports?.pacs === undefined
        ? []
        : [
            {
              path: `customers.${key}.reports.pacs.tls`,
              aeTitle: reports.pacs.aeTitle,
              tls: reports.pacs.tls,
            },
          ],
    ),
  ];
  return all.flatMap(({ tls, ...rest }) => (tls === false ? [] : [{ ...rest, tls }]));
}

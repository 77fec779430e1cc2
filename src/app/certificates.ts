import type { CertificateView } from '../core/summary/certificates.ts';
import type { Metrics } from '../observability/metrics.ts';

interface Expiring {
  daysLeft(): number | undefined;
}

/** What expires, as status, alerts and metrics tell it; the last are kept in step here. */
export function viewCertificates(
  parts: Readonly<Record<CertificateView['listener'], Expiring | undefined>>,
  metrics: Pick<Metrics, 'beforeScrape' | 'tlsDaysLeft'>,
): () => readonly CertificateView[] {
  const listeners = ['dimse', 'http', 'public-url', 'dimse-client'] as const;
  const certificates = (): readonly CertificateView[] =>
    listeners.flatMap((listener) => {
      const daysLeft = parts[listener]?.daysLeft();
      return daysLeft === undefined ? [] : [{ listener, daysLeft }];
    });
  metrics.beforeScrape(() => {
    for (const { listener, daysLeft } of certificates()) metrics.tlsDaysLeft.set({ listener }, daysLeft);
  });
  return certificates;
}

/** A certificate that is shown to peers. */
export interface CertificateView {
  /** `public-url`: what stands in front of the public listener shows it; `dimse-client`: the daemon, to its peers. */
  readonly listener: 'dimse' | 'http' | 'public-url' | 'dimse-client';
  /** Whole days until it expires; negative once it has. */
  readonly daysLeft: number;
}

/** Whose certificate it is, in a sentence. */
export const CERTIFICATE_HOLDERS: Readonly<Record<CertificateView['listener'], string>> = {
  dimse: 'the DICOM listener',
  http: 'the public listener',
  'public-url': 'the public URL',
  'dimse-client': 'the daemon as a client of DICOM peers',
};

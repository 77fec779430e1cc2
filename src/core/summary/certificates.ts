/** A certificate that is shown to peers. */
export interface CertificateView {
  /** `public-url`: what stands in front of the public listener shows it. */
  readonly listener: 'dimse' | 'http' | 'public-url';
  /** Whole days until it expires; negative once it has. */
  readonly daysLeft: number;
}

/** Whose certificate it is, in a sentence. */
export const CERTIFICATE_HOLDERS: Readonly<Record<CertificateView['listener'], string>> = {
  dimse: 'the DICOM listener',
  http: 'the public listener',
  'public-url': 'the public URL',
};

import type { CustomerKey } from '../../core/study/instance.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { HttpEnv } from '../env.ts';

/** What the sender of a DICOMweb request may do, as its token says. */
export interface DicomWebScope {
  /** For the audit trail: name of a bearer token, or key id of an object token. */
  readonly actor: string;
  /** Whose studies it may see: those of the path's customer, where the path names one. */
  readonly customers: readonly CustomerKey[];
  /** The one study that an object token opens. */
  readonly study?: Uid;
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  /**
   * Absolute URL of the service that the request was made to, without a slash at its end: `…/dicom-web`, or
   * `…/dicom-web/customers/<key>` where the path names a customer. What URLs in answers start with.
   */
  readonly serviceUrl: string;
}

/** The environment of everything below `/dicom-web`. */
export interface DicomWebEnv {
  Bindings: HttpEnv['Bindings'];
  Variables: { scope: DicomWebScope };
}

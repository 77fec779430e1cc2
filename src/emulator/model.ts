import type { PriorReport, ReportMetadata } from './schemas.ts';

/** The two Avara products, spelled as in the path. */
export const PRODUCTS = ['viewer', 'autoScribe'] as const;
export type Product = (typeof PRODUCTS)[number];

export type Severity = 'normal' | 'high' | 'stat';
export type StudyScope = 'self' | 'all';
export type ExpressAccess = 'none' | 'read' | 'write';

/** One API key of the account, with the settings the dashboard keeps for it. */
export interface ApiKeyOptions {
  /** The bearer token. */
  readonly key: string;
  readonly description: string;
  /** `self` sees and edits only studies made with this key. */
  readonly studyScope: StudyScope;
  /** Study data webhook endpoint; without one no study of this key can be opened. */
  readonly webhookUrl?: string;
  /** Report data webhook endpoint (AutoScribe); without one no report of this key can be delivered. */
  readonly reportWebhookUrl?: string;
  /** The dashboard's secret, `whsec_` and base64. */
  readonly webhookSecret: string;
  readonly expressAccess: ExpressAccess;
}

/** An API key as kept: with the public id that appears in replies. */
export interface ApiKey extends ApiKeyOptions {
  readonly apiKeyId: string;
}

/** A user that studies can be assigned to. */
export interface EmulatedUser {
  readonly userId: string;
  readonly email: string;
  readonly firstName?: string;
  readonly lastName?: string;
}

/** An Express customer as configured at start. */
export interface ExpressCustomerOptions {
  /** `cus_` and 32 hexadecimal characters. */
  readonly id: string;
  readonly name: string;
  readonly isActive: boolean;
}

/** An Express customer as kept. Timestamps are ISO 8601 UTC. */
export interface ExpressCustomer {
  readonly expressCustomerId: string;
  readonly expressCustomerName: string;
  readonly isActive: boolean;
  readonly userIds: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly createdByApiKeyId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

interface StudyBase {
  readonly studyId: string;
  readonly studyInstanceUid: string;
  readonly studyDescription: string;
  readonly severity: Severity;
  readonly isCancelled: boolean;
  readonly cancelledAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly assignedTo: string | null;
  readonly createdByApiKeyId: string;
  readonly expressCustomerId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A Viewer study: no patient or report fields. */
export interface ViewerStudy extends StudyBase {
  readonly product: 'viewer';
  readonly studyViewerStatus: 'incomplete' | 'complete';
}

/** A report as a study refers to it. */
export interface ReportReference {
  readonly reportId: string;
  readonly status: 'in_progress' | 'completed';
  readonly isCritical: boolean | null;
}

/** An AutoScribe study. */
export interface AutoScribeStudy extends StudyBase {
  readonly product: 'autoScribe';
  readonly studyType: 'standard' | 'external';
  readonly reportMetadata: ReportMetadata;
  readonly modality: string | null;
  readonly externalPatientId: string | null;
  readonly clinicalIndication: string | null;
  readonly clinicalHistory: string | null;
  readonly technologistTechnique: string | null;
  readonly technologistNotes: readonly string[];
  readonly priorReports: readonly PriorReport[];
  readonly reportIds: readonly ReportReference[];
}

export type Study = ViewerStudy | AutoScribeStudy;

/** How often studies were asked for and made, per place where an integrator wants exactly one. */
export interface CreateCount {
  readonly expressCustomerId: string | null;
  readonly product: Product;
  readonly studyInstanceUid: string;
  /** Valid create requests that reached the account. */
  readonly requested: number;
  /** Studies that came of them. */
  readonly created: number;
}

/** A request as logged: never with a body. */
export interface RequestLogEntry {
  readonly seq: number;
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly product: Product | null;
  /** API key that signed in, where one did. */
  apiKeyId: string | null;
  /** Status replied; null while in flight or where no reply was sent. */
  status: number | null;
  /** Type of the fault injected, where one was. */
  fault: string | null;
}

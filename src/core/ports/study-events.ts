import type { StudyKey } from '../study/instance.ts';

/**
 * Something that happened to a study, for its timeline. Names are those of the audit trail (`study.access_granted`,
 * `object.served`, …) and `study.received`, `study.stable`, `study.late_images`, `delivery.created`,
 * `delivery.updated`, `delivery.postponed`, `delivery.attention`, `delivery.cancelled`, `delivery.uncancelled`.
 */
export interface StudyEvent {
  readonly event: string;
  /** Who did it (sender, key id, session), or the product of a delivery; empty where nobody in particular. */
  readonly actor: string;
  /** Milliseconds since 1970 UTC: of the first and the last that the entry stands for. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** How many like it there were within the hour: images received, files handed out. */
  readonly count: number;
  readonly detail?: string;
  readonly peerAddress?: string;
}

/** An event with the study that it happened to. */
export interface StudyHappening extends StudyEvent {
  readonly study: StudyKey;
}

/** What happened to studies. Kept beside the index; the audit trail is the record that counts. */
export interface StudyEvents {
  /** Adds events; like ones of one hour become one. Those of unknown studies are dropped. Resolves on commit. */
  add(happenings: readonly StudyHappening[]): Promise<void>;
  /** The latest of a study, newest first. */
  ofStudy(study: StudyKey, limit: number): readonly StudyEvent[];
}

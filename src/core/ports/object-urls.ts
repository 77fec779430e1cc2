import type { StudyKey } from '../study/instance.ts';
import type { InstanceRecord } from '../study/study.ts';

/** Makes the short-lived URLs that Avara's viewer fetches objects from. */
export interface ObjectUrls {
  /** One URL per instance, in the order given; all carry one token that is good for this study alone. */
  forStudy(study: StudyKey, instances: readonly Pick<InstanceRecord, 'key'>[]): readonly string[];
}

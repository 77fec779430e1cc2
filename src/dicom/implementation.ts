import { uid } from './uid.ts';

/** Identifies this implementation in File Meta Information and in Association negotiation (PS3.7 D.3.3.2). */
export const IMPLEMENTATION_CLASS_UID = uid('2.25.136289569213147089128194526020963327544');

/** At most 16 characters of the default repertoire (PS3.7 D.3.3.2.3). */
export const IMPLEMENTATION_VERSION_NAME = 'AVARA_INGEST_0.1';

/**
 * The DICOM Upper Layer state machine (PS3.8 9.2), for the side that accepts Associations. The tables are Tables 9-6 to
 * 9-10 without the rows that only a requestor meets (Sta4, Sta5, Sta9, Sta11, Evt1, Evt2 and what leads there).
 */

export type UpperLayerState =
  'Sta1' | 'Sta2' | 'Sta3' | 'Sta6' | 'Sta7' | 'Sta8' | 'Sta10' | 'Sta12' | 'Sta13';

export type UpperLayerEvent =
  | 'Evt3'
  | 'Evt4'
  | 'Evt5'
  | 'Evt6'
  | 'Evt7'
  | 'Evt8'
  | 'Evt9'
  | 'Evt10'
  | 'Evt11'
  | 'Evt12'
  | 'Evt13'
  | 'Evt14'
  | 'Evt15'
  | 'Evt16'
  | 'Evt17'
  | 'Evt18'
  | 'Evt19';

export type UpperLayerAction =
  | 'AE-5'
  | 'AE-6'
  | 'AE-7'
  | 'AE-8'
  | 'DT-1'
  | 'DT-2'
  | 'AR-1'
  | 'AR-2'
  | 'AR-3'
  | 'AR-4'
  | 'AR-5'
  | 'AR-6'
  | 'AR-7'
  | 'AR-8'
  | 'AR-10'
  | 'AA-1'
  | 'AA-2'
  | 'AA-3'
  | 'AA-4'
  | 'AA-5'
  | 'AA-6'
  | 'AA-7'
  | 'AA-8';

/** What an action does; the shell carries these out in order. */
export type UpperLayerEffect =
  | 'start-artim'
  | 'stop-artim'
  | 'send-associate-ac'
  | 'send-associate-rj'
  | 'send-p-data-tf'
  | 'send-release-rq'
  | 'send-release-rp'
  | 'send-abort-as-service-user'
  | 'send-abort-as-service-provider'
  /** The one place where the table is silent about the source: garbage behind the end of the Association. */
  | 'send-abort'
  | 'indicate-associate'
  | 'indicate-p-data'
  | 'indicate-release'
  | 'confirm-release'
  | 'indicate-abort'
  | 'close-transport';

export interface ActionDefinition {
  readonly effects: readonly UpperLayerEffect[];
  readonly next: UpperLayerState;
}

/** What the events mean, for logs (PS3.8 9.2.3, Table 9-10). */
export const EVENT_NAMES: Readonly<Record<UpperLayerEvent, string>> = {
  Evt3: 'A-ASSOCIATE-AC received',
  Evt4: 'A-ASSOCIATE-RJ received',
  Evt5: 'transport connection indication',
  Evt6: 'A-ASSOCIATE-RQ received',
  Evt7: 'A-ASSOCIATE response (accept)',
  Evt8: 'A-ASSOCIATE response (reject)',
  Evt9: 'P-DATA request',
  Evt10: 'P-DATA-TF received',
  Evt11: 'A-RELEASE request',
  Evt12: 'A-RELEASE-RQ received',
  Evt13: 'A-RELEASE-RP received',
  Evt14: 'A-RELEASE response',
  Evt15: 'A-ABORT request',
  Evt16: 'A-ABORT received',
  Evt17: 'transport connection closed',
  Evt18: 'ARTIM timer expired',
  Evt19: 'unrecognized or invalid PDU received',
};

/** Tables 9-6 to 9-9. */
export const ACTIONS: Readonly<Record<UpperLayerAction, ActionDefinition>> = {
  'AE-5': { effects: ['start-artim'], next: 'Sta2' },
  'AE-6': { effects: ['stop-artim', 'indicate-associate'], next: 'Sta3' },
  'AE-7': { effects: ['send-associate-ac'], next: 'Sta6' },
  'AE-8': { effects: ['send-associate-rj', 'start-artim'], next: 'Sta13' },
  'DT-1': { effects: ['send-p-data-tf'], next: 'Sta6' },
  'DT-2': { effects: ['indicate-p-data'], next: 'Sta6' },
  'AR-1': { effects: ['send-release-rq'], next: 'Sta7' },
  'AR-2': { effects: ['indicate-release'], next: 'Sta8' },
  'AR-3': { effects: ['confirm-release', 'close-transport'], next: 'Sta1' },
  'AR-4': { effects: ['send-release-rp', 'start-artim'], next: 'Sta13' },
  'AR-5': { effects: ['stop-artim'], next: 'Sta1' },
  'AR-6': { effects: ['indicate-p-data'], next: 'Sta7' },
  'AR-7': { effects: ['send-p-data-tf'], next: 'Sta8' },
  'AR-8': { effects: ['indicate-release'], next: 'Sta10' },
  'AR-10': { effects: ['confirm-release'], next: 'Sta12' },
  'AA-1': { effects: ['send-abort-as-service-user', 'start-artim'], next: 'Sta13' },
  'AA-2': { effects: ['stop-artim', 'close-transport'], next: 'Sta1' },
  'AA-3': { effects: ['indicate-abort', 'close-transport'], next: 'Sta1' },
  'AA-4': { effects: ['indicate-abort'], next: 'Sta1' },
  'AA-5': { effects: ['stop-artim'], next: 'Sta1' },
  'AA-6': { effects: [], next: 'Sta13' },
  'AA-7': { effects: ['send-abort'], next: 'Sta13' },
  'AA-8': { effects: ['send-abort-as-service-provider', 'indicate-abort', 'start-artim'], next: 'Sta13' },
};

/** AE-6 where the service-provider itself finds the request unacceptable, before the user is asked. */
export const AE_6_NOT_ACCEPTABLE: ActionDefinition = {
  effects: ['stop-artim', 'send-associate-rj', 'start-artim'],
  next: 'Sta13',
};

type Row = Readonly<Partial<Record<UpperLayerEvent, UpperLayerAction>>>;

/** What every state of an Association does with a PDU that has no business there. */
const UNEXPECTED_PDU_ABORTS: Row = {
  Evt3: 'AA-8',
  Evt4: 'AA-8',
  Evt6: 'AA-8',
  Evt10: 'AA-8',
  Evt12: 'AA-8',
  Evt13: 'AA-8',
  Evt15: 'AA-1',
  Evt16: 'AA-3',
  Evt17: 'AA-4',
  Evt19: 'AA-8',
};

/** Table 9-10, turned so that a row is a state. */
export const TRANSITIONS: Readonly<Record<UpperLayerState, Row>> = {
  Sta1: { Evt5: 'AE-5' },
  Sta2: {
    Evt3: 'AA-1',
    Evt4: 'AA-1',
    Evt6: 'AE-6',
    Evt10: 'AA-1',
    Evt12: 'AA-1',
    Evt13: 'AA-1',
    Evt16: 'AA-2',
    Evt17: 'AA-5',
    Evt18: 'AA-2',
    Evt19: 'AA-1',
  },
  Sta3: { ...UNEXPECTED_PDU_ABORTS, Evt7: 'AE-7', Evt8: 'AE-8' },
  Sta6: { ...UNEXPECTED_PDU_ABORTS, Evt9: 'DT-1', Evt10: 'DT-2', Evt11: 'AR-1', Evt12: 'AR-2' },
  Sta7: { ...UNEXPECTED_PDU_ABORTS, Evt10: 'AR-6', Evt12: 'AR-8', Evt13: 'AR-3' },
  Sta8: { ...UNEXPECTED_PDU_ABORTS, Evt9: 'AR-7', Evt14: 'AR-4' },
  Sta10: { ...UNEXPECTED_PDU_ABORTS, Evt13: 'AR-10' },
  Sta12: { ...UNEXPECTED_PDU_ABORTS, Evt14: 'AR-4' },
  Sta13: {
    Evt3: 'AA-6',
    Evt4: 'AA-6',
    Evt6: 'AA-7',
    Evt10: 'AA-6',
    Evt12: 'AA-6',
    Evt13: 'AA-6',
    Evt16: 'AA-2',
    Evt17: 'AR-5',
    Evt18: 'AA-2',
    Evt19: 'AA-7',
  },
};

export interface Transition extends ActionDefinition {
  readonly action: UpperLayerAction;
}

const TAKEN: Readonly<Record<UpperLayerAction, Transition>> = Object.fromEntries(
  Object.entries(ACTIONS).map(([action, definition]) => [action, { action, ...definition }]),
) as Record<UpperLayerAction, Transition>;
const AE_6_REFUSED: Transition = { action: 'AE-6', ...AE_6_NOT_ACCEPTABLE };

/**
 * Looks up what `event` does in `state`.
 * @param isAcceptable what the service-provider thinks of an A-ASSOCIATE-RQ; AE-6 only.
 * @returns undefined where Table 9-10 has no entry: such an event cannot happen, or comes too late to matter.
 */
export function transition(
  state: UpperLayerState,
  event: UpperLayerEvent,
  isAcceptable = true,
): Transition | undefined {
  const action = TRANSITIONS[state][event];
  if (action === undefined) return undefined;
  return action === 'AE-6' && !isAcceptable ? AE_6_REFUSED : TAKEN[action];
}

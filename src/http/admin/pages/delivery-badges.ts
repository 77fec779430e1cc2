import { html } from 'hono/html';

import type { DeliveryStatus, StudyRecord } from '../../../core/study/study.ts';
import { badge, type Tone } from './parts.ts';
import type { Html } from './view.ts';

const PRODUCTS = { viewer: 'Viewer', autoScribe: 'AutoScribe' } as const;

/** Avara's name of a product. */
export function productName(product: DeliveryStatus['product']): string {
  return PRODUCTS[product];
}

/** How a study stands at Avara, in a word and a colour. */
export function deliveryTone(delivery: DeliveryStatus): { readonly tone: Tone; readonly text: string } {
  if (delivery.state === 'attention') return { tone: 'bad', text: 'needs attention' };
  if (delivery.isCancelled === true) return { tone: 'quiet', text: 'cancelled' };
  if (delivery.state === 'created')
    return delivery.isChangePending === true
      ? { tone: 'info', text: 'at Avara, updating' }
      : { tone: 'good', text: 'at Avara' };
  return delivery.attempts > 0
    ? { tone: 'warn', text: 'waiting to try again' }
    : { tone: 'info', text: 'on its way' };
}

/** One badge per product; while images come in there is none yet. */
export function deliveryBadges({ state, deliveries }: StudyRecord): Html {
  if (deliveries.length === 0)
    return state === 'receiving' ? badge('info', 'receiving') : badge('quiet', 'goes nowhere');
  const isSingle = deliveries.length === 1;
  return html`${state === 'receiving' ? badge('info', 'receiving') : ''}${deliveries.map((delivery) => {
    const { tone, text } = deliveryTone(delivery);
    return badge(tone, isSingle ? text : `${productName(delivery.product)}: ${text}`);
  })}`;
}

/** A webhook as it came in; the signature covers `body` byte for byte. */
export interface WebhookRequest {
  readonly body: Buffer;
  /** All values of a header, in order, so that a repeated one can be refused; empty where it is absent. */
  header(name: string): readonly string[];
  readonly peerAddress?: string;
}

export interface WebhookResponse {
  readonly status: number;
  /** Sent as JSON; a Buffer is JSON already. */
  readonly body: unknown;
}

/** Verifies, understands and answers Avara's webhooks. Never rejects; answers within its own deadline. */
export interface WebhookReceiver {
  receive(request: WebhookRequest): Promise<WebhookResponse>;
}

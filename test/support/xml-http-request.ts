/** As much of the browser's XMLHttpRequest as dicomweb-client needs, over fetch. */
export class FetchXmlHttpRequest {
  responseType = '';
  readyState = 0;
  status = 0;
  response: unknown = undefined;
  responseText = '';
  withCredentials = false;
  onreadystatechange: (() => void) | undefined;
  onloadstart: (() => void) | undefined;
  onloadend: (() => void) | undefined;
  onprogress: ((event: unknown) => void) | undefined;
  onerror: ((error: unknown) => void) | undefined;
  readonly #headers = new Headers();
  #method = 'GET';
  #url = '';
  #answered: Headers | undefined;

  open(method: string, url: string): void {
    this.#method = method;
    this.#url = url;
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers.set(name, value);
  }

  getResponseHeader(name: string): string | null {
    return this.#answered?.get(name) ?? null;
  }

  getAllResponseHeaders(): string {
    return [...(this.#answered ?? [])].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  }

  send(body?: ArrayBuffer | Uint8Array<ArrayBuffer>): void {
    void this.#send(body);
  }

  async #send(body: ArrayBuffer | Uint8Array<ArrayBuffer> | undefined): Promise<void> {
    this.onloadstart?.();
    try {
      const response = await fetch(this.#url, {
        method: this.#method,
        headers: this.#headers,
        ...(body !== undefined && { body }),
      });
      const bytes = await response.arrayBuffer();
      this.#answered = response.headers;
      this.status = response.status;
      this.responseText = new TextDecoder().decode(bytes);
      if (this.responseType === 'arraybuffer') this.response = bytes;
      else if (this.responseType === 'json') this.response = JSON.parse(this.responseText);
      else this.response = this.responseText;
    } catch (error) {
      this.onerror?.(error);
    }
    this.readyState = 4;
    this.onreadystatechange?.();
    this.onloadend?.();
  }
}

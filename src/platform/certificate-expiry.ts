import { connect } from 'node:tls';

/**
 * When the certificate shown at an `https:` URL expires, milliseconds since 1970. Whether it is trusted is not looked at.
 * @returns undefined where none is to be had.
 */
export function certificateExpiryAt(url: URL, timeoutMs: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const socket = connect({
      host,
      port: url.port === '' ? 443 : Number(url.port),
      // No address may be a server name (RFC 6066 section 3).
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      rejectUnauthorized: false,
      timeout: timeoutMs,
    });
    const deadline = setTimeout(() => end(undefined), timeoutMs);
    const end = (expiresAt: number | undefined): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(expiresAt);
    };
    socket.once('secureConnect', () => {
      const expiresAt = Date.parse(socket.getPeerCertificate().valid_to);
      end(Number.isNaN(expiresAt) ? undefined : expiresAt);
    });
    socket.once('timeout', () => end(undefined));
    socket.on('error', () => end(undefined));
  });
}

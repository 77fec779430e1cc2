import { describe, expect, it } from 'vitest';
import { localPath } from './local-path.ts';

describe('localPath', () => {
  it('keeps paths of the page with their query', () => {
    expect(localPath('/studies?q=1.2&state=stable')).toBe('/studies?q=1.2&state=stable');
  });

  it.each([
    '//evil.example',
    '/\\evil.example',
    '/.//evil.example',
    '/a/..//evil.example/x',
    '/./\\evil.example',
    '/\t/evil.example',
    'https://evil.example/',
    'javascript:alert(1)',
    '',
    null,
    undefined,
  ])('leads nobody to another site: %j', (text) => {
    expect(new URL(localPath(text), 'http://localhost').origin).toBe('http://localhost');
    expect(localPath(text)).not.toMatch(/^\/[/\\]/);
  });
});

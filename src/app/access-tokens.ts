import type { Config } from '../config/config.ts';
import { customerKey } from '../core/study/instance.ts';
import type { AccessToken } from '../http/access-tokens.ts';

/** The bearer tokens as configured now. */
export interface AccessTokens {
  current(): readonly AccessToken[];
  replace(config: Config): void;
}

export function createAccessTokens(config: Config): AccessTokens {
  let tokens = tokensOf(config);
  return {
    current: () => tokens,
    replace(next) {
      tokens = tokensOf(next);
    },
  };
}

function tokensOf({ access }: Config): readonly AccessToken[] {
  return access.tokens.map(({ name, token, customers, rights }) => ({
    name,
    token: token.reveal(),
    customers: customers.map(customerKey),
    mayRead: rights.includes('read'),
    mayWrite: rights.includes('write'),
  }));
}

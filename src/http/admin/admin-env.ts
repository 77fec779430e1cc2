import type { HttpBindings } from '../env.ts';

/** The environment type of the admin app: who asks is known behind the guard. */
export interface AdminEnv {
  Bindings: HttpBindings;
  Variables: {
    /** `admin-token`, `session:<id>`, or `local` where no token is needed. */
    actor?: string;
  };
}

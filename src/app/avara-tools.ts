/** What commands use of Avara's API without a daemon. */
export { createAvaraClient } from '../avara/client.ts';
export type { ApiFailure } from '../avara/client.ts';
export { createExpressCustomers } from '../avara/account/express-customers.ts';
export type { ExpressCustomer, ExpressCustomers } from '../avara/account/express-customers.ts';

/** The exchange as others compose it, with surroundings of their own: simulations. */
import 'reflect-metadata';

export { verdictMessage } from '@florin/signing';
export { CommandBus } from '@nestjs/cqrs';
export { readConfig } from './config/config.js';
export type { Foundation } from './exchange.module.js';
export { createHttpService } from './http/service.js';
export { Offering } from './keys/offering.js';
export { DecideLegitimization } from './kyc/decide.handler.js';
export { SystemClock } from './runtime/clock.js';
export { Jobs } from './runtime/jobs.js';
export { KeyRing } from './runtime/key-ring.js';
export type { Config, Log } from './runtime/tokens.js';
export { DecideTransfer } from './wire/decide-transfer.handler.js';

/** Turns a JSON body into its wire class, or refuses it with 400/22 naming the first member that is wrong. */
import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { malformedField } from './taler-error.js';

/** Unknown members are dropped, not rejected: newer wallets send more. Values are never converted implicitly. */
export const validationPipe = (): ValidationPipe =>
  new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
    transformOptions: { enableImplicitConversion: false, exposeUnsetFields: false },
    exceptionFactory: (errors) => {
      const { path, reason } = firstFailure(errors, '');
      return malformedField(path, reason);
    },
  });

function firstFailure(errors: readonly ValidationError[], parent: string): { path: string; reason: string } {
  const error = errors[0];
  if (!error) return { path: parent || 'body', reason: 'the body must be a JSON object' };
  const isIndex = /^[0-9]+$/.test(error.property);
  const path = isIndex ? `${parent}[${error.property}]` : parent ? `${parent}.${error.property}` : error.property;
  const reason = Object.values(error.constraints ?? {})[0];
  return reason === undefined && error.children ? firstFailure(error.children, path) : { path, reason: reason ?? '' };
}

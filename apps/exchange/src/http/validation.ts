/** Turns a JSON body into its wire class, or refuses it with 400/22 naming the first member that is wrong. */
import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { type ValidationError, validateSync } from 'class-validator';
import { malformedField } from './taler-error.js';
import { readWire } from './wire-fields.js';

/** Nest's own ValidationPipe walks a whole body before it drops what no class declares: seconds for a hostile one. */
@Injectable()
export class WireBodyPipe implements PipeTransform<unknown, unknown> {
  transform(json: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if (type !== 'body' || metatype === undefined || metatype === Object) return json;
    const body = readWire<object>(metatype as new () => object, json ?? {});
    const errors = body ? validateSync(body, { forbidUnknownValues: true, stopAtFirstError: true }) : [];
    if (body && errors.length === 0) return body;
    const { path, reason } = firstFailure(errors, '');
    throw malformedField(path, reason);
  }
}

function firstFailure(errors: readonly ValidationError[], parent: string): { path: string; reason: string } {
  const error = errors[0];
  if (!error) return { path: parent || 'body', reason: 'the body must be a JSON object' };
  const isIndex = /^[0-9]+$/.test(error.property);
  const path = isIndex ? `${parent}[${error.property}]` : parent ? `${parent}.${error.property}` : error.property;
  const reason = Object.values(error.constraints ?? {})[0];
  return reason === undefined && error.children ? firstFailure(error.children, path) : { path, reason: reason ?? '' };
}

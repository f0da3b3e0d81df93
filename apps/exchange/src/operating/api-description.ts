/**
 * The HTTP interface as an OpenAPI 3.1 document, made from what the code itself goes by: the decorators of the
 * controllers and the members of the wire classes. What an endpoint means, the protocol says.
 */
import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import {
  HEADERS_METADATA,
  HTTP_CODE_METADATA,
  METHOD_METADATA,
  PATH_METADATA,
  ROUTE_ARGS_METADATA,
} from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { CountPipe, KeyPipe, readSignatureHeader, StartPipe, TimeoutPipe } from '../http/parameters.js';
import { repliesOf } from '../http/replies.js';
import { base32, membersOf, type Schema, schemaOf, type WireClass } from '../http/wire-fields.js';

export interface ApiDescription {
  readonly openapi: '3.1.0';
  readonly paths: Readonly<Record<string, Readonly<Record<string, Schema>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: what Nest injects by type needs a class of that name
export abstract class ApiDescription {}

type Class = abstract new (...parameters: never[]) => object;

/** A parameter of a controller's method, as Nest remembers it. */
interface Argument {
  /** Undefined for what is read by a function of ours. */
  readonly kind: RouteParamtypes | undefined;
  readonly factory: unknown;
  readonly index: number;
  readonly name: string | undefined;
  readonly pipes: readonly unknown[];
}

const CREATED = 201;
const OK = 200;
const NO_CONTENT = 204;
const WHOLE_NUMBER: Schema = { type: 'integer', minimum: 0 };

const ERROR: Schema = {
  type: 'object',
  description: 'A refusal. Some carry further members: proofs, signatures.',
  properties: {
    code: { type: 'integer', description: 'Taler error code' },
    hint: { type: 'string' },
    detail: { type: 'string' },
  },
  required: ['code', 'hint'],
};

/** @param baseUrl where the exchange is reached */
export function describeApi(controllers: readonly Class[], baseUrl: string): ApiDescription {
  const schemas = new Map<string, Schema>([['Error', ERROR]]);
  const paths: Record<string, Record<string, Schema>> = {};
  for (const controller of controllers) {
    const base = Reflect.getMetadata(PATH_METADATA, controller) as string;
    for (const method of Object.getOwnPropertyNames(controller.prototype)) {
      const handler = (controller.prototype as Record<string, object>)[method] as object;
      if (method === 'constructor' || !Reflect.hasMetadata(PATH_METADATA, handler)) continue;
      const own = Reflect.getMetadata(PATH_METADATA, handler) as string;
      const segments = [base, own].flatMap((part) => part.split('/')).filter((segment) => segment !== '');
      const path = `/${segments.map((segment) => segment.replace(/^:(.*)$/, '{$1}')).join('/')}`;
      const verb = (RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as number] ?? '').toLowerCase();
      paths[path] = { ...paths[path], [verb]: operation(controller, method, { verb, schemas }) };
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Florin, an exchange for GNU Taler',
      version: '0.1.0',
      description: 'Endpoints outside of /log are those of the GNU Taler exchange protocol.',
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    externalDocs: { url: 'https://docs.taler.net/core/api-exchange.html' },
    servers: [{ url: baseUrl.replace(/\/$/, '') }],
    paths,
    components: {
      schemas: Object.fromEntries(schemas),
      securitySchemes: { auditor: { type: 'http', scheme: 'bearer' } },
    },
  } as ApiDescription;
}

function operation(
  controller: Class,
  method: string,
  { verb, schemas }: { readonly verb: string; readonly schemas: Map<string, Schema> },
): Schema {
  const family = controller.name.replace(/Controller$/, '').toLowerCase();
  const given = argumentsOf(controller, method);
  const types = (Reflect.getMetadata('design:paramtypes', controller.prototype, method) ?? []) as WireClass[];
  const body = given.find(({ kind }) => kind === RouteParamtypes.BODY);
  const isForAuditors = given.some(({ kind, name }) => kind === RouteParamtypes.HEADERS && name === 'authorization');
  return {
    operationId: `${family}.${method}`,
    tags: [family],
    parameters: given.flatMap(parameterOf),
    ...(body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: reference(types[body.index] as WireClass, schemas) } },
      },
    }),
    responses: responsesOf((controller.prototype as Record<string, object>)[method] as object, verb),
    ...(isForAuditors && { security: [{ auditor: [] }] }),
  };
}

function argumentsOf(controller: Class, method: string): Argument[] {
  const remembered = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<
    string,
    { readonly index: number; readonly data?: string; readonly pipes: readonly unknown[]; readonly factory?: unknown }
  >;
  return Object.entries(remembered)
    .map(([key, { index, data, pipes, factory }]) => {
      return { kind: factory === undefined ? Number(key.split(':')[0]) : undefined, factory, index, name: data, pipes };
    })
    .sort((a, b) => a.index - b.index);
}

/** Where each kind of argument stands in a request; others are none of its parts. */
const PLACES: { readonly [kind: number]: 'path' | 'query' | 'header' } = {
  [RouteParamtypes.PARAM]: 'path',
  [RouteParamtypes.QUERY]: 'query',
  [RouteParamtypes.HEADERS]: 'header',
};

function parameterOf({ kind, factory, name, pipes }: Argument): Schema[] {
  if (factory === readSignatureHeader) return [{ name, in: 'header', required: true, schema: schemaOf(base32(64)) }];
  const place = kind === undefined ? undefined : PLACES[kind];
  // OpenAPI describes credentials elsewhere.
  if (place === undefined || name === undefined || name === 'authorization') return [];
  const isNumber = [TimeoutPipe, StartPipe, CountPipe].some((pipe) => pipes.includes(pipe));
  const schema = pipes.includes(KeyPipe) ? schemaOf(base32(32)) : isNumber ? WHOLE_NUMBER : { type: 'string' };
  return [{ name, in: place, required: place === 'path', schema }];
}

function responsesOf(handler: object, verb: string): Schema {
  const status = (Reflect.getMetadata(HTTP_CODE_METADATA, handler) as number | undefined) ?? usualStatus(verb);
  const headers = (Reflect.getMetadata(HEADERS_METADATA, handler) ?? []) as { name: string; value: string }[];
  const type = headers.find(({ name }) => name === 'Content-Type')?.value.split(';')[0] ?? 'application/json';
  const replies = repliesOf(handler) ?? { [status]: undefined };
  const isBody = (code: string): boolean => !BODILESS.includes(Number(code));
  const successes = Object.entries(replies).map(([code, schema]) => {
    const content = schema ? { content: { [type]: { schema } } } : isBody(code) ? { content: { [type]: {} } } : {};
    return [code, { description: DESCRIPTIONS[Number(code)] ?? 'The answer of the protocol.', ...content }] as const;
  });
  const error = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  return {
    ...Object.fromEntries(successes),
    default: { description: 'A refusal of the protocol.', content: error },
  };
}

/** Statuses whose answers have no body. */
const BODILESS: readonly number[] = [NO_CONTENT, 304];

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  202: 'A person has to decide first.',
  204: 'Done, or nothing to tell; no body.',
  304: 'Nothing has changed since the answer with the ETag in If-None-Match.',
  503: 'Not now: the reasons in words.',
};

const usualStatus = (verb: string): number => (verb === 'post' ? CREATED : OK);

/** A reference to the schema of a wire class, which is added with those that it holds. */
function reference(type: WireClass, schemas: Map<string, Schema>): Schema {
  const { name } = type;
  if (!schemas.has(name)) {
    schemas.set(name, {}); // its members may lead back to it
    const members = [...membersOf(type)];
    schemas.set(name, {
      type: 'object',
      properties: Object.fromEntries(members.map(([member, { schema }]) => [member, resolved(schema, schemas)])),
      required: members.flatMap(([member, { isOptional }]) => (isOptional ? [] : [member])),
    });
  }
  return { $ref: `#/components/schemas/${name}` };
}

/** The schema with references in the place of wire classes. */
function resolved(value: unknown, schemas: Map<string, Schema>): unknown {
  if (typeof value === 'function') return reference((value as () => WireClass)(), schemas);
  if (Array.isArray(value)) return value.map((element) => resolved(element, schemas));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolved(member, schemas)]));
}

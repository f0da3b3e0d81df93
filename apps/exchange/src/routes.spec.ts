import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { getMetadataStorage } from 'class-validator';
import { describe, expect, test } from 'vitest';
import { exchangeModule, type Foundation } from './exchange.module.js';
import { ApiDescription } from './operating/api-description.js';

// Every endpoint that changes something has a wire class for its body, and hands a command to a handler of its
// own. Read from the decorators of the controllers that are composed, and from their code.
type Class = abstract new (...parameters: never[]) => object;

interface Route {
  readonly name: string;
  readonly verb: string;
  readonly controller: Class;
  readonly method: string;
}

const { controllers = [], providers = [] } = exchangeModule({
  config: { instance: 'florin', currency: 'KUDOS' },
} as Foundation);

/** Where `@CommandHandler` of @nestjs/cqrs leaves the command. */
const COMMAND_HANDLER_METADATA = '__commandHandler__';

/** The protocol documents it, and nobody implements it. */
const UNIMPLEMENTED = ['DELETE reserves/:reserve_pub'];

const routes = (controllers as Class[]).flatMap((controller) => {
  const base = Reflect.getMetadata(PATH_METADATA, controller) as string;
  return Object.getOwnPropertyNames(controller.prototype).flatMap((method): Route[] => {
    const handler = (controller.prototype as Record<string, object>)[method] as object;
    const path =
      method === 'constructor' ? undefined : (Reflect.getMetadata(PATH_METADATA, handler) as string | undefined);
    if (path === undefined) return [];
    const verb = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as number] ?? '';
    const segments = [base, path].flatMap((part) => part.split('/')).filter((segment) => segment !== '');
    return [{ name: `${verb} ${segments.join('/')}`, verb, controller, method }];
  });
});
const writes = routes.filter(({ name, verb }) => verb !== 'GET' && !UNIMPLEMENTED.includes(name));

/** Handlers by the name of the command that they take. */
const handlers = new Map<string, string[]>();
for (const provider of providers) {
  const command = Reflect.getMetadata(COMMAND_HANDLER_METADATA, provider as object) as Class | undefined;
  if (!command) continue;
  handlers.set(command.name, [...(handlers.get(command.name) ?? []), (provider as Class).name]);
}

/** The class of a parameter that is the body, if the route has one. */
function bodyClass({ controller, method }: Route): Class | undefined {
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<
    string,
    { index: number }
  >;
  const body = Object.entries(parameters).find(([key]) => key.startsWith(`${RouteParamtypes.BODY}:`));
  const types = Reflect.getMetadata('design:paramtypes', controller.prototype, method) as Class[];
  return body && types[body[1].index];
}

/** Commands that a method makes, itself or through other methods of its controller. */
function commandsOf({ controller, method }: Route): string[] {
  const prototype = controller.prototype as Record<string, unknown>;
  const seen = new Set<string>();
  const code = (name: string): string => {
    if (seen.has(name) || typeof prototype[name] !== 'function') return '';
    seen.add(name);
    const text = String(prototype[name]);
    return text + [...text.matchAll(/this\.(\w+)\(/g)].map(([, called]) => code(called ?? '')).join('');
  };
  const made = [...code(method).matchAll(/\bnew (?:\w+\.)?(\w+)\(/g)].map(([, name]) => name ?? '');
  return [...new Set(made)].filter((name) => handlers.has(name));
}

test('there is something to walk', () => {
  const names = writes.map(({ name }) => name);
  const first = ['batch-withdraw', 'withdraw', 'close'].map((operation) => `POST reserves/:reserve_pub/${operation}`);
  expect(names).toEqual(expect.arrayContaining([...first, 'POST csr-withdraw']));
  expect(new Set(routes.map(({ name }) => name)).size).toBe(routes.length);
  expect(routes.map(({ name }) => name)).toEqual(expect.arrayContaining(UNIMPLEMENTED));
});

test.each(writes.filter(({ verb }) => verb !== 'DELETE'))('$name takes a wire class that is validated', (route) => {
  const type = bodyClass(route);
  expect(type?.name).toMatch(/Request$/);
  const rules = getMetadataStorage().getTargetValidationMetadatas(type as Class, '', false, false);
  expect(rules.length).toBeGreaterThan(0);
});

test.each(writes)('$name hands over one command, which has one handler', (route) => {
  const commands = commandsOf(route);
  expect(commands).toHaveLength(1);
  expect(handlers.get(commands[0] ?? '')).toHaveLength(1);
});

test('every handler has an endpoint or serves the admin', () => {
  const dispatched = new Set(writes.flatMap(commandsOf));
  const others = [...handlers.keys()].filter((command) => !dispatched.has(command));
  expect(others.sort()).toEqual(['DecideLegitimization', 'DecideTransfer']);
});

describe('the description of the interface', () => {
  const given = providers.find((provider) => (provider as { provide?: unknown }).provide === ApiDescription);
  const { openapi, paths, components } = (given as { useValue: ApiDescription }).useValue;
  const operations = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ path, verb, operation })),
  );

  test('has every route, and no other', () => {
    const described = operations.map(({ path, verb }) => {
      return `${verb.toUpperCase()} ${path.slice(1).replaceAll(/\{(\w+)\}/g, ':$1')}`;
    });
    expect(described.sort()).toEqual(routes.map(({ name }) => name).sort());
    expect(openapi).toBe('3.1.0');
  });

  test('names each operation once, and every parameter of its path', () => {
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
    for (const { path, operation } of operations) {
      const named = (operation.parameters as { name: string; in: string; required: boolean }[])
        .filter((parameter) => parameter.in === 'path')
        .map(({ name, required }) => (required ? name : ''));
      expect(named.sort()).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort());
      expect(Object.keys(operation.responses as object)).toContain('default');
    }
  });

  test.each(writes.filter(({ verb }) => verb !== 'DELETE'))('says what $name takes', ({ name, ...route }) => {
    const path = `/${name.split(' ')[1]?.replaceAll(/:(\w+)/g, '{$1}')}`;
    const body = paths[path]?.[route.verb.toLowerCase()]?.requestBody as {
      content: Record<string, { schema: object }>;
    };
    expect(body.content['application/json']?.schema).toEqual({
      $ref: `#/components/schemas/${bodyClass({ name, ...route })?.name}`,
    });
  });

  test('says of every member what it may be, and refers to what is there', () => {
    const seen = new Set<string>();
    const walk = (value: unknown, place: string): void => {
      if (typeof value !== 'object' || value === null) {
        expect(['string', 'number', 'boolean']).toContain(typeof value);
        return;
      }
      for (const [name, member] of Object.entries(value)) {
        if (name === 'properties') {
          for (const [property, schema] of Object.entries(member as object)) {
            expect({ place: `${place}.${property}`, keywords: Object.keys(schema).length }).not.toMatchObject({
              keywords: 0,
            });
          }
        }
        if (name === '$ref') {
          const target = String(member).replace('#/components/schemas/', '');
          expect(Object.keys(components.schemas)).toContain(target);
          seen.add(target);
        }
        walk(member, `${place}.${name}`);
      }
    };
    walk({ paths, components }, 'api');
    expect([...seen].sort()).toEqual(Object.keys(components.schemas).sort());
  });

  test.each(operations)('says what $verb $path answers', ({ path, verb, operation }) => {
    const { default: _, ...successes } = operation.responses as Record<string, { content?: Record<string, object> }>;
    if (!UNIMPLEMENTED.includes(`${verb.toUpperCase()} ${path.slice(1).replace(/\{(\w+)\}/, ':$1')}`)) {
      expect(Object.keys(successes)).not.toEqual([]);
    }
    for (const [status, { content }] of Object.entries(successes)) {
      if (['204', '304'].includes(status)) expect(content).toBeUndefined();
      else if (path !== '/seed')
        for (const one of Object.values(content ?? { none: {} })) expect(one).toHaveProperty('schema');
    }
  });

  test('knows the headers of the protocol', () => {
    const { parameters } = paths['/reserves/{reserve_pub}/history']?.get ?? {};
    expect(parameters).toContainEqual(
      expect.objectContaining({ name: 'Taler-Reserve-History-Signature', in: 'header', required: true }),
    );
  });

  test('requires what must be there', () => {
    expect(components.schemas.PurseRequestRequest?.required).not.toContain('purse_fee');
    expect(components.schemas.BatchWithdrawRequest).toEqual({
      type: 'object',
      properties: {
        planchets: { type: 'array', items: { $ref: '#/components/schemas/WithdrawRequest' }, maxItems: 256 },
      },
      required: ['planchets'],
    });
  });
});

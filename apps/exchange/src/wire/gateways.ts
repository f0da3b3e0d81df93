/** The bank's wire gateways, one for each account of ours. */
import { WireGateway } from '@florin/wire';
import { Injectable } from '@nestjs/common';
import { Config } from '../runtime/tokens.js';

@Injectable()
export class Gateways {
  private readonly gateways: ReadonlyMap<string, WireGateway>;

  constructor({ wireAccounts, currency }: Config) {
    this.gateways = new Map(
      wireAccounts.map(({ name, gateway, username, password, token }) => {
        const auth =
          token !== undefined
            ? { auth: { kind: 'bearer', token } as const }
            : username !== undefined && password !== undefined
              ? { auth: { kind: 'basic', user: username, password } as const }
              : {};
        return [name, new WireGateway({ baseUrl: gateway as string, currency, ...auth })] as const;
      }),
    );
  }

  /** Section names of the configured accounts. */
  names(): string[] {
    return [...this.gateways.keys()];
  }

  /** @throws Error if the configuration has no such account */
  of(wireAccount: string): WireGateway {
    const gateway = this.gateways.get(wireAccount);
    if (!gateway) throw new Error(`the configuration has no wire account ${wireAccount}`);
    return gateway;
  }
}

/** An exchange in production mode: behind a proxy, with a bank behind TLS and its master key in a file elsewhere. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BankProcess, startBank } from '../../e2e/support/bank-process.js';
import { selfSignedCertificate } from '../../support/certificate.js';
import { isFitForProduction } from '../../support/configured-store.js';
import { type RunningExchange, type Settings, startExchange } from '../../support/exchange.js';

export const BASE_URL = 'https://exchange.example/';
const PASSWORD = 'a long enough password';

export interface ProductionSite {
  readonly bank: BankProcess;
  /** For what does not lie in the data folder. */
  readonly folder: string;
  /** Credentials that the bank was last shown. */
  lastAuthorization(): string | undefined;
  start(options: { masterPub: string; data?: string; change?: (settings: Settings) => void }): Promise<RunningExchange>;
  stop(): Promise<void>;
}

export async function productionSite(): Promise<ProductionSite> {
  const bank = await startBank();
  const folder = mkdtempSync(join(tmpdir(), 'florin-site-'));
  const certificate = selfSignedCertificate();
  const authority = join(folder, 'authority.pem');
  writeFileSync(authority, certificate.cert);
  let authorization: string | undefined;
  const proxy = createServer(certificate, (incoming, outgoing) => {
    authorization = incoming.headers.authorization;
    const { method, headers, url } = incoming;
    const onward = request(new URL(url ?? '', bank.bankUrl), { method, headers, agent: false }, (reply) => {
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;

  const configure = (masterPub: string, change: (settings: Settings) => void) => (settings: Settings) => {
    bank.configure(settings);
    settings.mode = 'production';
    settings.baseUrl = BASE_URL;
    settings.masterPub = masterPub;
    const [account] = settings.wireAccounts;
    account.gateway = String(new URL(new URL(account.gateway).pathname, `https://127.0.0.1:${port}/`));
    Object.assign(account, { username: 'exchange', password: PASSWORD });
    const isWanted = ({ value, ageGroups, cipher }: Settings): boolean =>
      value === 'KUDOS:1' && (ageGroups === undefined || cipher === 'CS');
    settings.denominations = settings.denominations.filter(isWanted);
    settings.keySchedule.lookahead = '1 day';
    change(settings);
  };
  return {
    bank,
    folder,
    lastAuthorization: () => authorization,
    start: ({ masterPub, data, change = () => undefined }) =>
      startExchange({
        onTestServer: isFitForProduction,
        configure: configure(masterPub, change),
        env: { NODE_EXTRA_CA_CERTS: authority },
        ...(data === undefined ? {} : { data }),
      }),
    async stop() {
      proxy.closeAllConnections();
      proxy.close();
      await bank.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import type { AccountHash, EddsaPub, EddsaSignature } from '@florin/domain';
import { decodeBase32, encodeBase32, message } from '@florin/encoding';
import { CommandBus, DecideLegitimization, DecideTransfer, verdictMessage } from '@florin/exchange';
import { Views } from '@florin/projections';
import { type KeyName, MASTER_KEY, OFFICER_KEY } from '@florin/signing';
import { Broken } from './broken.js';
import type { World } from './world.js';

const { eddsa, hash } = taler(serverPrimitives);

/** Who decides what machines must not: an officer over legitimizations, and the master key over denominations. */
export class Officer {
  private readonly cases = new Map<string, { readonly hPayto: string; readonly requirementRow: number }>();
  private readonly decided = new Set<string>();
  private retried = false;

  constructor(private readonly world: World) {}

  /** Somebody was refused until this case is decided. */
  told(legitimization: { readonly hPayto: string; readonly requirementRow: number }): void {
    const name = `${legitimization.hPayto} ${legitimization.requirementRow}`;
    if (!this.decided.has(name)) this.cases.set(name, legitimization);
  }

  /** Approves all cases that are known. A decision that a crash cuts off is taken again. */
  async decideCases(): Promise<void> {
    for (const [name, { hPayto, requirementRow }] of [...this.cases]) {
      const verdict = {
        requirement: requirementRow,
        approved: true,
        maximumAges: [],
        justification: 'known in person',
        decidedAt: Math.floor(Date.now() / 1000),
      };
      const account = hPayto as AccountHash;
      const { pub, sign } = await this.key(OFFICER_KEY);
      const signature = sign(verdictMessage(hash, account, verdict)) as EddsaSignature;
      const { exchange, tally } = this.world;
      const outcome = await exchange.command(CommandBus, (bus) =>
        bus.execute(new DecideLegitimization(account, verdict, pub as EddsaPub, signature)),
      );
      if (!outcome) return;
      if (outcome.kind === 'refuse' && outcome.refusal.code === 'KEYS_UNAVAILABLE') return;
      if (outcome.kind === 'refuse') throw new Broken(`an officer's decision was refused: ${outcome.refusal.code}`);
      tally.count('legitimization decided');
      this.cases.delete(name);
      this.decided.add(name);
    }
  }

  /** What the bank refused for good is still owed: it is paid again, to the same account or to another one. */
  async decideTransfers(): Promise<void> {
    const { exchange, tally } = this.world;
    const refused = await exchange.command(Views, (views) =>
      views.ask('transfers', 'byStatus', 'rejected', { limit: 100 }),
    );
    const decidedBy = (await this.key(OFFICER_KEY)).pub as EddsaPub;
    for (const [i, { requestUid }] of (refused ?? []).entries()) {
      const redirectTo = `payto://x-taler-bank/bank.simulation/other-${i}?receiver-name=Somebody`;
      const isRedirected = i % 2 === 1 || this.retried;
      this.retried = !isRedirected;
      const decision = { decidedBy, reason: 'the owner was asked', ...(isRedirected && { redirectTo }) };
      const outcome = await exchange.command(CommandBus, (bus) =>
        bus.execute(new DecideTransfer(requestUid, decision)),
      );
      if (outcome?.kind === 'accept') tally.count(isRedirected ? 'transfer redirected' : 'transfer tried again');
    }
  }

  /** Takes a denomination back. */
  async revoke(denominationHash: string): Promise<void> {
    const { sign } = await this.key(MASTER_KEY);
    const master_sig = sign(
      message('MasterDenominationKeyRevocation', { hDenomPub: decodeBase32(denominationHash, 64) }),
    );
    const path = `/management/denominations/${denominationHash}/revoke`;
    const call = { method: 'POST', path, body: JSON.stringify({ master_sig }) } as const;
    for (;;) {
      const answer = await this.world.exchange.send(call);
      this.world.history.told('master key', call, answer);
      if (answer?.status === 204) break;
      if (answer && answer.status < 500) throw new Broken(`a revocation was refused: ${answer.text}`);
      await this.world.pause();
    }
    this.world.tally.count('denomination revoked');
  }

  private async key(name: KeyName) {
    const file = JSON.parse((await this.world.exchange.folder.readKey(name)) ?? '{}') as { priv: string; pub: string };
    const priv = decodeBase32(file.priv, 32);
    return { pub: file.pub, sign: (bytes: Uint8Array) => encodeBase32(eddsa.sign(bytes, priv)) };
  }
}

import type { MemoryImage } from '@florin/event-store';
import type { Tally } from '../tally.js';
import type { Bank } from './bank.js';
import { Broken } from './broken.js';

/*
 * The books, kept from the stored events alone, with arithmetic of their own. After every unit:
 *
 *   credits of the bank = reserves + purses + coins outstanding + fees + paid out
 *
 * to the last unit. Coins outstanding are what was issued and not spent, whoever has them.
 */

type Row = MemoryImage['rows'][number];
// biome-ignore lint/suspicious/noExplicitAny: an event as it is stored, whatever its type
type Data = any;

interface PurseBook {
  /** What each coin paid and did not get back, fees included. */
  readonly coins: Map<string, bigint>;
  readonly target: bigint;
  end?: 'merged' | 'expired' | 'deleted';
}

const UNITS_PER_WHOLE = 100_000_000n;
const DIGITS = 8;
/** Of every denomination: see settings.ts. */
const WITHDRAW_FEE = 1_000_000n;

/** `KUDOS:1.5` in units of 1e-8. */
export function unitsOf(amount: string): bigint {
  const match = /^[A-Z]+:(\d+)(?:\.(\d{1,8}))?$/.exec(amount);
  if (!match) throw new Broken(`an event holds the amount ${amount}`);
  return BigInt(match[1] as string) * UNITS_PER_WHOLE + BigInt((match[2] ?? '').padEnd(DIGITS, '0'));
}

export class Books {
  credited = 0n;
  issued = 0n;
  /** What coins spent and did not get back, and what they gave back in recoups. */
  spent = 0n;
  fees = 0n;
  paidOut = 0n;
  confirmed = 0n;
  readonly reserves = new Map<string, bigint>();
  readonly purses = new Map<string, PurseBook>();
  /** What each coin that was ever seen has left. */
  readonly coins = new Map<string, bigint>();
  private readonly withdrawn = new Set<string>();
  private readonly ordered = new Map<string, bigint>();
  private readonly happened = new Map<string, number>();
  private readonly booked: { readonly row: number; readonly units: bigint; readonly reservePub: string }[] = [];

  /** @throws Broken when the sum does not hold after a unit, or something is below zero */
  replay(rows: readonly Row[]): void {
    rows.forEach((row, index) => {
      const name = row.stream.slice(row.stream.indexOf('.') + 1);
      const hyphen = name.indexOf('-');
      const data = JSON.parse(row.text) as Data;
      this.apply(row.type, hyphen < 0 ? '' : name.slice(hyphen + 1), data);
      if (rows[index + 1]?.position !== row.position) this.check(row);
    });
  }

  /** @throws Broken when bank and ledger do not agree in the end */
  compare(bank: Bank, tally: Tally): void {
    const credits = bank.credits.map(({ row, amount, reservePub }) => `${row} ${amount} ${reservePub}`);
    const booked = this.booked.map(({ row, units, reservePub }) => `${row} ${units} ${reservePub}`);
    if (credits.join() !== booked.join()) throw new Broken('the credits of the bank are not those of the ledger');
    const debits = bank.debits.reduce((sum, { amount }) => sum + amount, 0n);
    const out = `${this.paidOut} ordered, ${this.confirmed} confirmed, ${debits} paid by the bank`;
    if (this.paidOut !== debits || this.confirmed !== debits) throw new Broken(`closings: ${out}`);
    for (const [pursePub, { end, coins }] of this.purses) {
      if (end === undefined) throw new Broken(`purse ${pursePub} is there although its time is over`);
      if (coins.size > 0) throw new Broken(`purse ${pursePub} is ${end} and owes money to ${coins.size} coins`);
      tally.count(`purse ${end}`);
    }
    for (const [what, often] of this.happened) tally.count(what, often);
  }

  private check({ type, stream }: Row): void {
    const sum = (balances: Iterable<bigint>): bigint => {
      let total = 0n;
      for (const balance of balances) {
        if (balance < 0n) throw new Broken(`${type} on ${stream} leaves ${balance} somewhere`);
        total += balance;
      }
      return total;
    };
    const reserves = sum(this.reserves.values());
    let purses = 0n;
    for (const { coins } of this.purses.values()) if (coins.size > 0) purses += sum(coins.values());
    sum(this.coins.values());
    const outstanding = this.issued - this.spent;
    const kept = reserves + purses + outstanding + this.fees + this.paidOut;
    if (kept === this.credited) return;
    throw new Broken(
      `after ${type} on ${stream}: credited ${this.credited}, but ${kept} is in reserves (${reserves}), purses ` +
        `(${purses}), coins (${outstanding}), fees (${this.fees}) and paid out (${this.paidOut})`,
    );
  }

  private count(what: string): void {
    this.happened.set(what, (this.happened.get(what) ?? 0) + 1);
  }

  private add(reservePub: string, units: bigint): void {
    this.reserves.set(reservePub, (this.reserves.get(reservePub) ?? 0n) + units);
  }

  /** @param units more than zero: the coin pays; less: it gets back */
  private spend(coinPub: string, units: bigint, { firstSight }: Data): void {
    const before = firstSight ? unitsOf(firstSight.value) : this.coins.get(coinPub);
    if (before === undefined) throw new Broken(`coin ${coinPub} is used and was never seen`);
    this.coins.set(coinPub, before - units);
    this.spent += units;
  }

  private deposit(pursePub: string, deposits: readonly Data[]): void {
    const { coins } = this.purse(pursePub);
    for (const { coinPub, amount } of deposits) {
      if (coins.has(coinPub)) throw new Broken(`coin ${coinPub} paid into purse ${pursePub} twice`);
      coins.set(coinPub, unitsOf(amount));
    }
  }

  private purse(pursePub: string): PurseBook {
    const purse = this.purses.get(pursePub);
    if (!purse) throw new Broken(`purse ${pursePub} goes on without a beginning`);
    return purse;
  }

  private endPurse(pursePub: string, end: NonNullable<PurseBook['end']>): PurseBook {
    const purse = this.purse(pursePub);
    if (purse.end) throw new Broken(`purse ${pursePub} was ${purse.end} and is ${end}`);
    purse.end = end;
    return purse;
  }

  /** @param key what follows the category in the stream's name */
  private apply(type: string, key: string, data: Data): void {
    switch (type) {
      case 'CreditBooked':
        this.booked.push({ row: Number(data.row), units: unitsOf(data.amount), reservePub: data.subjectPub });
        this.credited += unitsOf(data.amount);
        return;
      case 'ReserveFunded':
        this.add(key, unitsOf(data.amount));
        return;
      case 'CoinsWithdrawn':
        for (const { value, fee, envelopeHash } of data.coins) {
          if (unitsOf(fee) !== WITHDRAW_FEE) throw new Broken(`a coin was withdrawn for ${fee}`);
          const envelope = `${key} ${envelopeHash}`;
          if (this.withdrawn.has(envelope)) throw new Broken(`envelope ${envelope} was withdrawn twice`);
          this.withdrawn.add(envelope);
          this.issued += unitsOf(value);
          this.fees += unitsOf(fee);
        }
        this.add(key, -unitsOf(data.cost));
        return;
      case 'ReserveClosed':
        this.add(key, -unitsOf(data.debited));
        this.fees += unitsOf(data.closingFee) + unitsOf(data.dust);
        this.paidOut += unitsOf(data.wireAmount);
        this.count(data.cause === 'request' ? 'reserve closed by its owner' : 'reserve closed by itself');
        return;
      case 'CoinsRecouped':
        this.add(key, unitsOf(data.amount));
        return;
      case 'PurseRequested':
        this.fees += unitsOf(data.purseFee);
        this.add(key, -unitsOf(data.purseFee));
        return;
      case 'PurseMergedIntoReserve':
        this.add(key, unitsOf(data.target));
        return;
      case 'TransferConfirmed':
        this.confirmed += this.ordered.get(key) ?? 0n;
        return;
      case 'TransferRejected':
        this.count('transfer refused for good');
        return;
      case 'TransferRequested':
        this.ordered.set(key, unitsOf(data.amount));
        return;
      default:
        this.applyToPursesAndCoins(type, key, data);
        return;
    }
  }

  private applyToPursesAndCoins(type: string, key: string, data: Data): void {
    switch (type) {
      case 'PurseCreated':
        if (this.purses.has(key)) throw new Broken(`purse ${key} was made twice`);
        this.purses.set(key, { coins: new Map(), target: unitsOf(data.target) });
        this.deposit(key, data.deposits);
        return;
      case 'PurseDeposited':
        this.deposit(key, data.deposits);
        return;
      case 'PurseMerged': {
        const { coins, target } = this.endPurse(key, 'merged');
        const paid = [...coins.values()].reduce((sum, units) => sum + units, 0n);
        const kept = paid - target;
        if (kept < unitsOf(data.depositFees)) throw new Broken(`purse ${key} was merged before it was full`);
        this.fees += kept;
        coins.clear();
        return;
      }
      case 'PurseExpired':
        this.endPurse(key, 'expired');
        return;
      case 'PurseDeleted':
        this.endPurse(key, 'deleted');
        return;
      case 'PurseCoinsRefunded': {
        const { coins, end } = this.purse(key);
        for (const { coinPub, amount } of data.coins) {
          if (coins.get(coinPub) !== unitsOf(amount) || end === undefined || end === 'merged') {
            throw new Broken(`purse ${key} gives ${amount} to coin ${coinPub}`);
          }
          coins.delete(coinPub);
        }
        return;
      }
      case 'CoinSpentIntoPurse':
        this.spend(key, unitsOf(data.amount), data);
        return;
      case 'CoinRefundedFromPurse':
        this.count('coin refunded');
        this.spend(key, -unitsOf(data.amount), data);
        return;
      case 'CoinRecouped':
        this.count('coin recouped');
        this.spend(key, unitsOf(data.amount), data);
        return;
    }
  }
}

/** The composition of the HTTP service: what the root made is handed in, everything else is wired here. */
import { EventCodec, Streams } from '@florin/domain';
import { type Leases as LeasesPort, Ledger, soleHolder } from '@florin/event-store';
import { Views } from '@florin/projections';
import { AccountVault, KeyFolder, Signers, Verifiers } from '@florin/signing';
import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { CoinChecks } from './coins/coin.checks.js';
import { CoinsController } from './coins/coins.controller.js';
import { CoinHistories } from './coins/history.js';
import { RecoupChecks } from './coins/recoup.checks.js';
import { RecoupWithdrawalHandler } from './coins/recoup.handler.js';
import { RecoupCoinHandler } from './coins/recoup-coin.handler.js';
import { PurseRefusals } from './http/purse-refusals.js';
import { Refusals } from './http/refusals.js';
import { ExpiredKeys } from './keys/expired-keys.js';
import { FutureKeys } from './keys/future-keys.js';
import { KeyPlans } from './keys/key-plans.js';
import { MasterTerms } from './keys/master-terms.js';
import { MetaController } from './keys/meta.controller.js';
import { NodeKeys } from './keys/node-keys.js';
import { Offering } from './keys/offering.js';
import { PublishedKeys } from './keys/published-keys.js';
import { DecideLegitimizationHandler } from './kyc/decide.handler.js';
import { KycController } from './kyc/kyc.controller.js';
import { KycStatus } from './kyc/kyc-status.js';
import { Legitimization } from './kyc/legitimization.js';
import { ManagementController } from './management/management.controller.js';
import { RecordMasterDecisionHandler } from './management/master-decision.handler.js';
import { MasterSignatures } from './management/master-signatures.js';
import { OfferKeysHandler } from './management/offer-keys.handler.js';
import { Revocations } from './management/revocations.js';
import { RevokeDenominationHandler } from './management/revoke.handler.js';
import { ApiDescription, describeApi } from './operating/api-description.js';
import { Measurements } from './operating/measurements.js';
import { Metrics } from './operating/metrics.js';
import { OperatingController } from './operating/operating.controller.js';
import { Readiness } from './operating/readiness.js';
import { PurseConfirmations } from './purses/confirmations.js';
import { CreatePurseHandler } from './purses/create.handler.js';
import { DeletePurseHandler } from './purses/delete.handler.js';
import { DepositIntoPurseHandler } from './purses/deposit.handler.js';
import { PurseDeposits } from './purses/deposits.js';
import { PurseExpiry } from './purses/expiry.js';
import { MergePurseHandler } from './purses/merge.handler.js';
import { PurseChecks } from './purses/purse.checks.js';
import { PurseStatuses } from './purses/purse-status.js';
import { PurseWire } from './purses/purse-wire.js';
import { PursesController } from './purses/purses.controller.js';
import { RequestPurseHandler } from './purses/request.handler.js';
import { CloseReserveHandler } from './reserves/close.handler.js';
import { Closings } from './reserves/closings.js';
import { CsrWithdrawHandler } from './reserves/csr-withdraw.handler.js';
import { ReserveExpiry } from './reserves/expiry.js';
import { ReserveHistory } from './reserves/history.js';
import { ReserveStatus } from './reserves/reserve-status.js';
import { ReservesController } from './reserves/reserves.controller.js';
import { WithdrawChecks } from './reserves/withdraw.checks.js';
import { WithdrawHandler } from './reserves/withdraw.handler.js';
import { Accounts } from './runtime/accounts.js';
import { Clock } from './runtime/clock.js';
import { Cryptography } from './runtime/cryptography.js';
import { Jobs } from './runtime/jobs.js';
import { KeyRing } from './runtime/key-ring.js';
import { LongPoll } from './runtime/long-poll.js';
import { ExchangeSigners } from './runtime/signers.js';
import { Config, EventStore, Leases, Log } from './runtime/tokens.js';
import { EventFeed } from './transparency/event-feed.js';
import { LogController } from './transparency/log.controller.js';
import { ProvenEvents } from './transparency/proven-events.js';
import { NOTHING_PUBLISHED, PublishedLog } from './transparency/published-log.js';
import { BookCredits } from './wire/book-credits.js';
import { DecideTransferHandler } from './wire/decide-transfer.handler.js';
import { Gateways } from './wire/gateways.js';
import { PayTransfers } from './wire/pay-transfers.js';

/** What lives longer than the HTTP service and is closed after it. */
export interface Foundation {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly store: EventStore;
  readonly views: Views;
  readonly signers: Pick<Signers, keyof Signers>;
  readonly verifiers: Verifiers;
  readonly vault: AccountVault;
  readonly ledger: Ledger;
  /** Where expired keys are destroyed; the folder of the configuration without. */
  readonly folder?: Pick<KeyFolder, 'destroyKey'>;
  /** Of a store that several nodes share; without them this process has it to itself. */
  readonly leases?: LeasesPort;
  /** What is told of the ledger's tree; nothing without. */
  readonly publishedLog?: PublishedLog;
  /** Counts what happens; nobody reads them without. */
  readonly metrics?: Metrics;
}

const CONTROLLERS = [
  MetaController,
  ReservesController,
  PursesController,
  CoinsController,
  ManagementController,
  KycController,
  LogController,
  OperatingController,
];

@Module({})
class ExchangeModule {}

export function exchangeModule(foundation: Foundation): DynamicModule {
  const { config, log, clock, store, views, signers, verifiers, vault, ledger, leases, publishedLog, metrics } =
    foundation;
  const development = config.mode === 'development';
  const folder = foundation.folder ?? KeyFolder.at(config.keys, { development });
  const given: Provider[] = [
    { provide: Config, useValue: config },
    { provide: Log, useValue: log },
    { provide: Clock, useValue: clock },
    { provide: EventStore, useValue: store },
    { provide: Views, useValue: views },
    { provide: Signers, useValue: signers },
    { provide: Verifiers, useValue: verifiers },
    { provide: AccountVault, useValue: vault },
    { provide: Ledger, useValue: ledger },
    { provide: KeyFolder, useValue: folder },
    { provide: Leases, useValue: leases ?? soleHolder },
    { provide: Metrics, useValue: metrics ?? new Metrics() },
    { provide: ApiDescription, useValue: describeApi(CONTROLLERS, config.baseUrl ?? '') },
    { provide: PublishedLog, useValue: publishedLog ?? NOTHING_PUBLISHED },
    { provide: Streams, useValue: new Streams(config.instance, new EventCodec(config.currency)) },
  ];
  const handlers = [
    WithdrawHandler,
    CloseReserveHandler,
    CsrWithdrawHandler,
    DecideLegitimizationHandler,
    DecideTransferHandler,
    CreatePurseHandler,
    DepositIntoPurseHandler,
    MergePurseHandler,
    DeletePurseHandler,
    RequestPurseHandler,
    RecoupWithdrawalHandler,
    RecoupCoinHandler,
    OfferKeysHandler,
    RecordMasterDecisionHandler,
    RevokeDenominationHandler,
  ];
  const services = [
    Accounts,
    BookCredits,
    Closings,
    CoinChecks,
    CoinHistories,
    Cryptography,
    EventFeed,
    ExchangeSigners,
    ExpiredKeys,
    FutureKeys,
    Gateways,
    Jobs,
    KeyPlans,
    KeyRing,
    KycStatus,
    Legitimization,
    LongPoll,
    MasterSignatures,
    MasterTerms,
    Measurements,
    NodeKeys,
    Offering,
    PayTransfers,
    ProvenEvents,
    PublishedKeys,
    PurseChecks,
    PurseConfirmations,
    PurseDeposits,
    PurseExpiry,
    PurseRefusals,
    PurseStatuses,
    PurseWire,
    Readiness,
    RecoupChecks,
    Refusals,
    Revocations,
    ReserveExpiry,
    ReserveHistory,
    ReserveStatus,
    WithdrawChecks,
  ];
  return {
    module: ExchangeModule,
    imports: [CqrsModule],
    controllers: CONTROLLERS,
    providers: [...given, ...services, ...handlers],
  };
}

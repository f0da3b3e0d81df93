import { describe, expect, test } from 'vitest';
import {
  type Amount,
  canonicalJson,
  decodeBase32,
  type Field,
  type FieldMap,
  fromHex,
  MESSAGES,
  type MessageName,
  message,
  parseAmount,
  parseDuration,
  parseTimestamp,
  toHex,
  utf8,
  utf8z,
} from './index.js';
import { kdf64, type Row, readJson, sha512 } from './vectors.support.js';

/*
 * Packs every signed structure of test/vectors/signatures.json from its inputs and compares the bytes that were signed.
 * FUNCTIONS says for each function of the reference which layout it signs and, where an input has another name than the
 * field, how the field comes about.
 */

type Inputs = Row;
type Source = string | ((inputs: Inputs) => unknown);

const hashOfText = (input: string) => (inputs: Inputs) => sha512(utf8z(inputs[input]));
const hashOfJson = (input: string) => (inputs: Inputs) => sha512(utf8(canonicalJson(inputs[input])));
const hashOfPayto = (input: string) => (inputs: Inputs) => sha512(utf8z(inputs[input])).subarray(0, 32);
const VALIDITY = {
  start: 'stamp_start',
  expire_withdraw: 'stamp_expire_withdraw',
  expire_deposit: 'stamp_expire_deposit',
  expire_legal: 'stamp_expire_legal',
  value: 'coin_value',
  denom_hash: 'h_denom_pub',
};
const ANNOUNCEMENT = {
  h_section_name: hashOfText('section_name'),
  anchor_time: 'start_sign',
  duration_withdraw: 'duration',
};

const FUNCTIONS: Record<string, readonly [MessageName, Record<string, Source>?]> = {
  officer_aml_query_sign: ['AmlQuery'],
  officer_aml_decision_sign: [
    'AmlDecision2023',
    {
      h_justification: (inputs) => sha512(utf8(inputs.justification)),
      decision_time: () => 0,
      h_kyc_requirements: hashOfJson('kyc_requirements'),
    },
  ],
  wallet_purse_create_sign: ['PurseCreate', { purse_amount: 'amount' }],
  wallet_purse_delete_sign: ['PurseDelete'],
  wallet_econtract_upload_sign: ['PurseContract', { h_econtract: (inputs) => sha512(fromHex(inputs.econtract.hex)) }],
  wallet_purse_status_sign: ['PurseStatusRequest'],
  wallet_purse_deposit_sign: [
    'PurseDeposit',
    { coin_amount: 'amount', h_exchange_base_url: hashOfText('exchange_base_url') },
  ],
  wallet_purse_merge_sign: ['PurseMerge', { h_payto: hashOfPayto('reserve_uri') }],
  wallet_account_merge_sign: ['AccountMerge', { purse_amount: 'amount' }],
  wallet_reserve_open_sign: ['ReserveOpen'],
  wallet_reserve_open_deposit_sign: ['ReserveOpenDeposit'],
  wallet_reserve_close_sign: ['ReserveClose', { target_account_h_payto: 'h_payto' }],
  wallet_account_setup_sign: ['AccountSetupRequest', { threshold: 'balance_threshold' }],
  wallet_reserve_attest_request_sign: ['ReserveAttestRequest', { h_details: hashOfJson('details') }],
  wallet_deposit_sign: ['DepositRequest2023', { amount_with_fee: 'amount', merchant: 'merchant_pub' }],
  wallet_melt_sign: ['RefreshMeltCoinAffirmation'],
  wallet_link_sign: ['LinkData', { h_age_commitment: () => undefined, coin_envelope_hash: 'bch' }],
  wallet_withdraw_sign: ['WithdrawRequest', { h_denomination_pub: 'h_denom_pub', h_coin_envelope: 'bch' }],
  wallet_age_withdraw_sign: ['AgeWithdrawRequest2023'],
  wallet_recoup_sign: ['RecoupRequest', { coin_blind: 'coin_bks' }],
  wallet_recoup_refresh_sign: ['RecoupRefreshRequest', { coin_blind: 'coin_bks' }],
  wallet_reserve_history_sign: ['ReserveHistoryRequest2023', { request_timestamp: 'ts' }],
  wallet_reserve_status_sign: ['ReserveStatusRequest2023', { request_timestamp: 'ts' }],
  merchant_refund_sign: ['RefundRequest', { refund_amount: 'amount' }],
  merchant_deposit_sign: ['DepositTrack'],
  merchant_wire_signature_make: [
    'MerchantWireDetails',
    {
      h_wire_details: ({ salt, payto_uri }) =>
        kdf64(decodeBase32(salt.b32, 16), utf8z(payto_uri), utf8('merchant-wire-signature')),
    },
  ],
  merchant_pay_sign: ['PaymentResponse'],
  merchant_contract_sign: ['ProposalData', { hash: 'h_contract_terms' }],
  exchange_online_deposit_confirmation_sign: ['DepositConfirmation2023'],
  exchange_online_refund_confirmation_sign: ['RefundConfirmation'],
  exchange_online_melt_confirmation_sign: ['RefreshMeltConfirmation'],
  exchange_online_purse_refund_sign: ['CoinPurseRefundConfirmation', { refunded_amount: 'amount_without_fee' }],
  exchange_online_key_set_sign: ['ExchangeKeySet', { list_issue_date: 'timestamp' }],
  exchange_online_account_setup_success_sign: ['AccountSetupSuccess2023', { h_kyc: hashOfJson('kyc') }],
  exchange_online_wire_deposit_sign: ['WireDepositData', { h_payto: hashOfPayto('payto') }],
  exchange_online_confirm_wire_sign: ['ConfirmWire'],
  exchange_online_confirm_recoup_sign: ['RecoupConfirmation'],
  exchange_online_confirm_recoup_refresh_sign: ['RecoupRefreshConfirmation'],
  exchange_online_denomination_unknown_sign: ['DenominationUnknownAffirmation'],
  exchange_online_denomination_expired_sign: ['DenominationExpiredAffirmation', { operation: 'op' }],
  exchange_online_reserve_closed_sign: ['ReserveCloseConfirmation', { h_payto: hashOfPayto('payto') }],
  exchange_online_reserve_attest_details_sign: ['ExchangeAttest', { h_attributes: hashOfJson('attributes') }],
  exchange_online_purse_created_sign: ['PurseCreateDepositConfirmation'],
  exchange_online_purse_merged_sign: ['PurseMergedConfirmation', { h_provider_url: hashOfText('exchange_url') }],
  exchange_online_purse_status_sign: ['PurseStatus'],
  exchange_online_age_withdraw_confirmation_sign: ['AgeWithdrawConfirmation'],
  exchange_offline_aml_officer_status_sign: [
    'MasterAmlOfficerStatus',
    {
      h_officer_name: hashOfText('officer_name'),
      is_active: ({ is_active, read_only }) => (is_active ? 1 : 0) + (read_only ? 2 : 0),
    },
  ],
  exchange_offline_auditor_add_sign: ['MasterAddAuditor', { h_auditor_url: hashOfText('auditor_url') }],
  exchange_offline_auditor_del_sign: ['MasterDelAuditor'],
  exchange_offline_denomination_revoke_sign: ['MasterDenominationKeyRevocation'],
  exchange_offline_signkey_revoke_sign: ['MasterSigningKeyRevocation'],
  exchange_offline_signkey_validity_sign: [
    'ExchangeSigningKeyValidity',
    { start: 'start_sign', expire: 'end_sign', end: 'end_legal', signkey_pub: 'exchange_pub' },
  ],
  exchange_offline_denom_validity_sign: ['DenominationKeyValidity', { ...VALIDITY, master: 'signer_pub' }],
  exchange_offline_partner_details_sign: ['PartnerConfiguration', { h_url: hashOfText('partner_base_url') }],
  exchange_offline_profit_drain_sign: [
    'DrainProfit',
    { h_section: hashOfText('account_section'), h_payto: hashOfPayto('payto_uri') },
  ],
  exchange_secmod_eddsa_sign: ['SigningKeyAnnouncement', { anchor_time: 'start_sign' }],
  exchange_secmod_rsa_sign: ['RsaDenominationKeyAnnouncement', { ...ANNOUNCEMENT, h_denom: 'h_rsa' }],
  exchange_secmod_cs_sign: ['CsDenominationKeyAnnouncement', { ...ANNOUNCEMENT, h_denom: 'h_cs' }],
  auditor_denom_validity_sign: [
    'ExchangeKeyValidity',
    { ...VALIDITY, master: 'master_pub', auditor_url_hash: hashOfText('auditor_url') },
  ],
  exchange_offline_wire_fee_sign: [
    'MasterWireFee',
    { h_wire_method: hashOfText('payment_method'), start_date: 'start_time', end_date: 'end_time' },
  ],
  exchange_offline_global_fee_sign: ['MasterGlobalFee', { start_date: 'start_time', end_date: 'end_time' }],
  exchange_offline_wire_add_sign: ['MasterAddWire2023', { start_date: 'now', h_payto: hashOfPayto('payto_uri') }],
  exchange_offline_wire_del_sign: ['MasterDelWire', { end_date: 'now', h_payto: hashOfPayto('payto_uri') }],
  exchange_wire_signature_make: ['MasterWireDetails2023', { h_wire_details: hashOfPayto('payto_uri') }],
  exchange_offline_extension_manifests_hash_sign: ['MasterExtensionManifest', { h_manifest: 'h_manifests' }],
};

/** Numbers that are private to the build behind the vectors, and ours (protocol/README.md, signatures.md is right). */
const PRIVATE_PURPOSES: ReadonlyMap<number, number> = new Map([
  [1048, 1019],
  [1049, 1018],
  [1050, 1048],
  [1051, 1049],
  [1052, 1050],
]);

const { count, vectors } = readJson('signatures.json');

describe('signatures.json', () => {
  const executed = new Set<Row>();
  const privateNumbersMet = new Set<number>();

  vectors.forEach((row: Row, index: number) => {
    test(`${index} ${row.name}`, () => {
      const [name, sources = {}] = FUNCTIONS[row.name] ?? [];
      if (name === undefined) throw new Error(`no layout for ${row.name}`);
      const fields: FieldMap = MESSAGES[name].fields;
      const inputs = { ...row.inputs, signer_pub: row.signer_pub };
      const values = Object.fromEntries(
        Object.entries(fields).map(([field, type]) => [
          field,
          fieldValue(type, sources[snakeCase(field)], field, inputs),
        ]),
      );
      const expected = fromHex(row.signed_blob.hex);
      const ourPurpose = PRIVATE_PURPOSES.get(row.purpose);
      if (ourPurpose !== undefined) {
        expect(row.purpose_verified).toBe(false);
        privateNumbersMet.add(row.purpose);
        expected.set([ourPurpose >> 8, ourPurpose & 0xff], 6);
      }
      expect(toHex(message(name, values as never))).toBe(toHex(expected));
      executed.add(row);
    });
  });

  test('every row was packed, every function is used, every private number occurs', () => {
    expect(vectors.length).toBe(count);
    expect(vectors.filter((row: Row) => !executed.has(row))).toEqual([]);
    expect(new Set(Object.keys(FUNCTIONS))).toEqual(new Set(vectors.map((row: Row) => row.name)));
    expect(privateNumbersMet).toEqual(new Set(PRIVATE_PURPOSES.keys()));
  });
});

describe('protocol/test-vectors.json', () => {
  const { derived } = readJson('protocol/test-vectors.json');
  const hDenomPub = decodeBase32(derived.rsa_coin.denom_pub_hash, 64);

  test('withdraw request', () => {
    const fields = {
      amountWithFee: parseAmount(derived.withdraw_request_per_coin.amount_with_fee),
      hDenominationPub: hDenomPub,
      hCoinEnvelope: decodeBase32(derived.rsa_coin.coin_ev_hash, 64),
    };
    expect(toHex(message('WithdrawRequest', fields))).toBe(derived.withdraw_request_per_coin.message_hex);
  });

  test('recoup request', () => {
    const coinBlind = decodeBase32(derived.rsa_coin.blinding_secret, 32);
    expect(toHex(message('RecoupRequest', { hDenomPub, coinBlind }))).toBe(derived.recoup_request.message_hex);
  });

  test('reserve close', () => {
    const { request_timestamp_s, payto_uri, h_payto, message_hex } = derived.reserve_close;
    const targetAccountHPayto = sha512(utf8z(payto_uri)).subarray(0, 32);
    expect(targetAccountHPayto).toEqual(decodeBase32(h_payto, 32));
    expect(toHex(message('ReserveClose', { requestTimestamp: request_timestamp_s, targetAccountHPayto }))).toBe(
      message_hex,
    );
  });

  test('amounts', () => {
    const amounts = Object.entries<string>(derived.amount_nbo_hex);
    expect(amounts.length).toBe(3);
    for (const [text, hex] of amounts) {
      expect(toHex(message('AccountSetupRequest', { threshold: parseAmount(text) })).slice(16)).toBe(hex);
    }
  });
});

function fieldValue(type: Field<never>, source: Source | undefined, field: string, inputs: Inputs): unknown {
  if (typeof source === 'function') return source(inputs);
  const input = inputs[source ?? snakeCase(field)];
  switch (type.kind) {
    case 'bytes':
      return input === null ? undefined : fromHex(input.hex);
    case 'amount':
      return parseAmount(input.string);
    case 'timestamp':
      return parseTimestamp(input);
    case 'duration':
      return parseDuration(input);
    case 'u64':
      return BigInt(input);
    case 'u32':
    case 'u32-little-endian':
    case 'word8':
      return input;
    default:
      return feesOf(inputs);
  }
}

function feesOf(inputs: Inputs): Record<string, Amount> {
  const fees = Object.entries<Row>(inputs).filter(([name]) => name.startsWith('fees.'));
  return Object.fromEntries(fees.map(([name, { string }]) => [name.slice('fees.'.length), parseAmount(string)]));
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

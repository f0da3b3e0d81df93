/*
 * International bank account numbers, ISO 13616.
 * Countries: the published IBAN registry, release 100 (2025), 89 entries.
 */
const COUNTRIES: ReadonlySet<string> = new Set(
  (
    'AD AE AL AT AZ BA BE BG BH BI BR BY CH CR CY CZ DE DJ DK DO EE EG ES FI FK FO FR GB GE GI GL GR GT HN HR HU IE ' +
    'IL IQ IS IT JO KW KZ LB LC LI LT LU LV LY MC MD ME MK MN MR MT MU NI NL NO OM PK PL PS PT QA RO RS RU SA SC SD ' +
    'SE SI SK SM SO ST SV TL TN TR UA VA VG XK YE'
  ).split(' '),
);

const LENGTH_MIN = 4;
const LENGTH_MAX = 34;

/**
 * Checks length, country and check digits; blanks are removed first and case does not matter. The length that the
 * registry gives per country is not checked, as in C: the check digits catch what is lost.
 * @returns why `text` is no IBAN (a phrase without personal data), or undefined if it is one
 */
export function ibanFault(text: string): string | undefined {
  const iban = text.replaceAll(' ', '').toUpperCase();
  if (iban.length < LENGTH_MIN || iban.length > LENGTH_MAX) return `an IBAN of ${iban.length} characters`;
  if (!COUNTRIES.has(iban.slice(0, 2))) return 'an IBAN of an unknown country';
  if (!/^[A-Z]{2}[0-9]{2}[A-Z0-9]*$/.test(iban)) return 'an IBAN with other characters than letters and digits';
  if (remainder97(iban.slice(4) + iban.slice(0, 4)) !== 1) return 'an IBAN with wrong check digits';
  return undefined;
}

/** Reads digits as they are and letters as two digits (A = 10 ... Z = 35), and divides by 97. */
function remainder97(text: string): number {
  let remainder = 0;
  for (const character of text) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value < 10 ? 10 : 100) + value) % 97;
  }
  return remainder;
}

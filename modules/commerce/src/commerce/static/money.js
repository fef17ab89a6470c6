/** Returns an amount, given in hundredths, as the reader's language writes money. */
export function money(amount, currency) {
  return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount / 100);
}

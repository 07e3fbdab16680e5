/** Numbers as this page writes them, whatever the browser's language: the words around them are English. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat("en", { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const any = new Intl.NumberFormat("en", { maximumSignificantDigits: 9 });

export const count = (value) => whole.format(value);
export const score = (value) => exact.format(value);
export const number = (value) => any.format(value);

/** "3 items", "one item". */
export const counted = (value, one, many = `${one}s`) => (value === 1 ? `one ${one}` : `${count(value)} ${many}`);

/** A share of 0 to 1. */
export const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** With its sign, a real minus; without one where nothing is left of it. */
export const signed = (value, written = score) => {
  const size = written(Math.abs(value));
  return Number(size) === 0 ? size : `${value < 0 ? "−" : "+"}${size}`;
};

// @ts-check
/** Clocks of other places than the browser's own. */

/** The zone chosen in the settings; undefined when it is the browser's. */
export const timeZone = document.documentElement.dataset.zone;

/** @type {Map<string|undefined, Intl.DateTimeFormat>} */
const clocks = new Map();

/**
 * What a clock of a zone shows, as if it were UTC's. @param {number} moment ms @param {string} [zone]
 * @returns {number}
 */
export function shown(moment, zone = timeZone) {
  const clock = clocks.get(zone) ?? new Intl.DateTimeFormat('en', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  clocks.set(zone, clock);
  const said = Object.fromEntries(clock.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = said;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/**
 * When a clock of a zone shows this, given as if it were UTC's. @param {number} wanted ms @param {string} [zone]
 * @returns {number}
 */
export function when(wanted, zone = timeZone) {
  let moment = wanted;
  // Twice: where the first look lands, another offset may hold than where it started.
  for (let look = 0; look < 2; look++) moment = wanted - (shown(moment, zone) - Math.floor(moment / 1000) * 1000);
  return moment;
}

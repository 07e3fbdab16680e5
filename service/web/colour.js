/** The colour of a segment, the same in every view, every page and every browser. */

const GOLDEN_ANGLE = 137.508;

/** Degrees on the colour circle. Ids that the trainer counts (s1, s2, …) lie as far apart as they can. */
export function hueOf(segmentId) {
  if (segmentId === null || segmentId === undefined) return 260;
  const counted = /^s(\d{1,6})$/.exec(segmentId);
  const number = counted ? Number(counted[1]) : hashed(segmentId);
  return Math.round((number * GOLDEN_ANGLE + 20) % 360);
}

/** FNV-1a, 32 bits. */
function hashed(text) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % 100_003;
}

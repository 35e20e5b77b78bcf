// When the next connection or template of a data plane ends by itself.
import { families, Template } from "@yardmaster/dataplane";
import { type Dataplane, hasPassed } from "@yardmaster/director/simulation";

/** Entries read with one call to the kernel. */
const READ_BATCH = 4096;

/** Ticks from `now` to the next expiry, 0 for one that has passed; undefined where there are no entries. */
export function ticksUntilExpiry({ plan, maps }: Dataplane, now: number): number | undefined {
  let earliest: number | undefined;
  const note = (expiry: number): void => {
    const left = hasPassed(expiry, now) ? 0 : (expiry - now) >>> 0;
    if (earliest === undefined || left < earliest) earliest = left;
  };
  for (const name of plan.shape.families) {
    const { Connection } = families[name];
    const { life, direction } = Connection.offsets;
    for (const [values, count] of valuesOf(maps[name].connections)) {
      for (let at = 0; at < count * Connection.size; at += Connection.size) {
        if (values.getUint8(at + direction) === 0) note(values.getUint32(at + life, true));
      }
    }
    for (const [values, count] of valuesOf(maps[name].templates)) {
      for (let at = 0; at < count * Template.size; at += Template.size) {
        note(values.getUint32(at + Template.offsets.life, true));
      }
    }
  }
  return earliest;
}

type Table = Dataplane["maps"]["ipv4"]["connections"] | Dataplane["maps"]["ipv4"]["templates"];

function* valuesOf(table: Table): Generator<readonly [values: DataView, count: number]> {
  for (const { count, values } of table.batches(READ_BATCH)) {
    yield [new DataView(values.buffer, values.byteOffset, values.byteLength), count];
  }
}

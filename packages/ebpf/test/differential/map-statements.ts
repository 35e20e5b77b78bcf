// Statements that call helpers: map operations, and moving the packet's ends.

import * as asm from "../../src/asm/index.ts";
import { ARRAY_LENGTH, HASH_KEYS, HASH_VALUE_BYTES, PACKET_BYTES } from "./arena-layout.ts";
import { type GeneratedItem, PACKET_POINTER, type Scope } from "./scope.ts";
import { atomicAt } from "./statements.ts";

const LOOKUP = 1;
const UPDATE = 2;
const DELETE = 3;
const ADJUST_HEAD = 44;
const ADJUST_TAIL = 65;

/** Puts a key below `limit` on the stack and its address in r2. */
function emitKey(scope: Scope, limit: number): void {
  const { dice, keyAt } = scope;
  if (dice.chance(50)) {
    scope.emit(asm.storeImm(4, asm.fp, keyAt, dice.between(0, limit - 1)));
  } else {
    scope.emit(asm.mov64(2, scope.scalar()), asm.aluImm("and", 64, 2, limit - 1));
    scope.emit(asm.store(4, asm.fp, keyAt, 2));
  }
  scope.emitStackAddress(2, keyAt);
}

/** Looks up, and where there is a value reads, writes or changes it. */
export function lookup(scope: Scope): void {
  const { dice } = scope;
  const isHash = dice.chance(60);
  const size = isHash ? HASH_VALUE_BYTES : 8;
  emitKey(scope, isHash ? HASH_KEYS : ARRAY_LENGTH * 2);
  scope.emit(asm.loadMap(1, isHash ? "hash" : "array"), asm.callHelper(LOOKUP));
  scope.renewArguments();
  const end = `found${scope.statement}`;
  scope.emitFixed(asm.jumpImm("jeq", 64, 0, 0, end));
  // The pointer moves away from r0, so that r0 can take part like any other register.
  scope.emitFixed(asm.mov64(5, 0), asm.mov64Imm(0, dice.immediate()));
  for (let count = dice.between(1, 3); count > 0; count--) {
    const width = dice.pick([4, 8] as const);
    const offset = width * dice.between(0, size / width - 1);
    const other = dice.pick([0, 1, 2, 3, 4, 6]);
    const kind = dice.pick(["load", "store", "atomic"] as const);
    if (kind === "load") scope.emit(asm.load(width, other, 5, offset));
    else if (kind === "store") scope.emit(asm.store(width, 5, offset, other));
    else emitAtomicBeside(scope, offset, width);
  }
  scope.emitFixed(asm.mov64Imm(5, dice.immediate()));
  scope.emitFixed(asm.label(end));
}

/** An atomic on [r5], whose source must not be r5, the pointer. */
function emitAtomicBeside(scope: Scope, offset: number, width: 4 | 8): void {
  const before = scope.items.length;
  atomicAt(scope, 5, offset, width);
  const made = scope.items[before]?.item;
  if (made === undefined || !("src" in made) || made.src !== 5) return;
  scope.items[before] = { ...(scope.items[before] as GeneratedItem), item: { ...made, src: 6 } };
}

/** Before Linux 6.4 the result of an update or a deletion has 32 bits, and the rest of r0 no meaning. */
function emitResult(scope: Scope): void {
  scope.emitFixed(asm.mov32(0, 0));
  scope.renewArguments();
}

export function update(scope: Scope): void {
  const { dice } = scope;
  const isHash = dice.chance(70);
  for (let offset = 0; offset < HASH_VALUE_BYTES; offset += 8) {
    scope.emit(asm.store(8, asm.fp, scope.valueAt + offset, scope.scalar()));
  }
  emitKey(scope, isHash ? HASH_KEYS : ARRAY_LENGTH * 2);
  scope.emitStackAddress(3, scope.valueAt);
  scope.emit(asm.mov64Imm(4, dice.pick([0, 0, 0, 1, 2, 3])));
  scope.emit(asm.loadMap(1, isHash ? "hash" : "array"), asm.callHelper(UPDATE));
  emitResult(scope);
}

export function remove(scope: Scope): void {
  emitKey(scope, HASH_KEYS);
  scope.emit(asm.loadMap(1, scope.dice.chance(90) ? "hash" : "array"), asm.callHelper(DELETE));
  emitResult(scope);
}

/** Sets r8 to the packet, of which PACKET_BYTES must be there; else the program ends. Uses r1–r3. */
export function emitPacketCheck(scope: Scope): void {
  scope.emitFixed(asm.load(8, 1, asm.fp, scope.contextAt), asm.load(4, PACKET_POINTER, 1, 0));
  scope.emitFixed(asm.load(4, 2, 1, 4), asm.mov64(3, PACKET_POINTER));
  scope.emitFixed(asm.aluImm("add", 64, 3, PACKET_BYTES), asm.jump("jgt", 64, 3, 2, "short"));
}

/** Moves the first or last byte of the packet. */
export function adjustPacket(scope: Scope): void {
  const { dice } = scope;
  scope.emitFixed(asm.load(8, 1, asm.fp, scope.contextAt));
  scope.emitFixed(asm.mov64Imm(2, dice.chance(80) ? dice.between(-40, 40) : dice.between(-300, 300)));
  scope.emitFixed(asm.callHelper(dice.pick([ADJUST_HEAD, ADJUST_TAIL])));
  emitPacketCheck(scope);
  scope.renewArguments();
}

// The two tables that tie instructions to a BTF blob when a program is loaded: which function starts
// where, and which source line an instruction came from (include/uapi/linux/bpf.h).

import type { BtfTypeId } from "./builder.ts";

/** struct bpf_func_info. Offsets count 8-byte slots; the first function is at 0. */
export interface FuncInfo {
  readonly instructionOffset: number;
  readonly typeId: BtfTypeId;
}

/** struct bpf_line_info. `fileNameOffset` and `lineOffset` come from `BtfBuilder.addString`. */
export interface LineInfo {
  readonly instructionOffset: number;
  readonly fileNameOffset: number;
  /** The text of the line, which the verifier quotes. */
  readonly lineOffset: number;
  /** From 1. */
  readonly line: number;
  /** From 1. The record has ten bits for it: what lies beyond column 1023 is called 1023. */
  readonly column: number;
}

export const FUNC_INFO_SIZE = 8;
export const LINE_INFO_SIZE = 16;
const MAX_COLUMN = 1023;
const MAX_LINE = 0x3f_ffff;

/** 8 bytes a record, little-endian, in the order given: the kernel wants ascending offsets. */
export function encodeFuncInfo(records: readonly FuncInfo[]): Uint8Array {
  return packWords(records.flatMap((record) => [record.instructionOffset, record.typeId]));
}

/** 16 bytes a record, little-endian, in the order given: the kernel wants ascending offsets. */
export function encodeLineInfo(records: readonly LineInfo[]): Uint8Array {
  return packWords(
    records.flatMap((record) => [
      record.instructionOffset,
      record.fileNameOffset,
      record.lineOffset,
      ((Math.min(record.line, MAX_LINE) << 10) | Math.min(record.column, MAX_COLUMN)) >>> 0,
    ]),
  );
}

function packWords(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => {
    view.setUint32(index * 4, word, true);
  });
  return bytes;
}

// BTF, the type information of programs: a builder for the blob and the tables that go with it.

export {
  BtfBuilder,
  type BtfLinkage,
  type BtfMember,
  type BtfParameter,
  type BtfTypeId,
} from "./builder.ts";
export {
  encodeFuncInfo,
  encodeLineInfo,
  FUNC_INFO_SIZE,
  type FuncInfo,
  LINE_INFO_SIZE,
  type LineInfo,
} from "./program-info.ts";

// Whether this is the virtual machine with an emulated processor. What its tests leave out, and why:
// test/vm/left-out.ts.

export const isGuest = process.env["YARDMASTER_GUEST"] !== undefined;

// How a program is attached, for people.

/** "native XDP", "tc". */
export function modeText(mode: "native" | "generic" | "tc"): string {
  return mode === "tc" ? "tc" : `${mode} XDP`;
}

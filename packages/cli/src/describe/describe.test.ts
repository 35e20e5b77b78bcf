// Completions and the man page hold what the command line is. Where the commands have changed, the page is made again
// by `npm run test:unit -- packages/cli/src/describe -u`.
import { execFileSync, spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { createProgram } from "../main.ts";
import { completionScript, shells } from "./completion.ts";
import { manPage } from "./man-page.ts";
import { outlineOf } from "./outline.ts";

const page = resolve(import.meta.dirname, "../../../../packaging/yardmaster.8");
const commands = outlineOf(createProgram());

function has(command: string): boolean {
  return spawnSync(command, ["--version"]).error === undefined;
}

/** What bash offers for the last of these words. */
function offered(...words: readonly string[]): readonly string[] {
  const script = `${completionScript("bash", commands)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _yardmaster; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync("bash", ["-c", script, "bash", "yardmaster", ...words], { encoding: "utf8" });
  return text.split("\n").filter((word) => word !== "");
}

describe("completion in bash", () => {
  it("offers commands, and those inside a command", () => {
    expect(offered("")).toEqual(expect.arrayContaining(["run", "check", "status", "realserver", "completion"]));
    expect(offered("conn")).toEqual(["connections"]);
    expect(offered("realserver", "")).toEqual(expect.arrayContaining(["up", "check", "down"]));
    expect(offered("completion", "f")).toEqual(["fish"]);
  });

  it("offers the options of the command that is meant", () => {
    expect(offered("run", "--inst")).toEqual(["--instance"]);
    expect(offered("check", "--inst")).toEqual([]);
    expect(offered("realserver", "up", "--met")).toEqual(["--method"]);
    // "check" is another command inside "realserver".
    expect(offered("realserver", "check", "--off")).toEqual([]);
    expect(offered("check", "--off")).toEqual(["--offline"]);
  });

  it("offers files where a file is asked for, and nothing where a name is", () => {
    expect(offered("run", "-f", resolve(page, "../yardmaster.s"))).toEqual([resolve(page, "../yardmaster.service")]);
    expect(offered("run", "--instance", "")).toEqual([]);
  });
});

describe("completion", () => {
  it.each(shells)("knows every command and option in %s", (shell) => {
    const script = completionScript(shell, commands);
    for (const { path, options } of commands) {
      for (const word of path) expect(script).toContain(word);
      for (const { names } of options) for (const name of names) expect(script).toContain(name.replace(/^-+/, ""));
    }
    if (has(shell)) expect(spawnSync(shell, ["-n"], { input: script, encoding: "utf8" }).stderr).toBe("");
  });
});

describe("the man page", () => {
  it("is what the commands make", async () => {
    await expect(manPage(commands, "0.1.0")).toMatchFileSnapshot(page);
  });

  it.skipIf(!has("man"))("is rendered without a complaint (skipped where there is no man)", () => {
    const { stdout, stderr } = spawnSync("man", ["--warnings", "-l", page], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C.UTF-8", MANWIDTH: "100", MAN_KEEP_FORMATTING: "" },
    });
    expect(stderr).toBe("");
    expect(stdout).toMatch(/COMMANDS[^]*yardmaster run[^]*--ephemeral/);
  });
});

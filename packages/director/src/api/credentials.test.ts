// Tokens and certificates that change while a listener is open: what is new counts, what is bad leaves what was there.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { certificate } from "../../test/health/certificate.ts";
import type { Facts } from "../log/report.ts";
import { Credentials } from "./credentials.ts";

const [first, second] = ["first-token-0123456789", "second-token-0123456789"];
let folder = "";
let said: string[] = [];
const pathOf = (name: string) => join(folder, name);
const report = (line: string, { level = "info" }: Facts = {}) =>
  void said.push(`${level}: ${line}`.replaceAll(folder, "FOLDER"));
const writeOwn = ({ key, cert } = certificate()) => {
  writeFileSync(pathOf("own.key"), key);
  writeFileSync(pathOf("own.crt"), cert);
};
const open = () =>
  new Credentials(
    { tokenFile: pathOf("tokens"), certificateFile: pathOf("own.crt"), keyFile: pathOf("own.key") },
    report,
  );
const days = (count: number) => new Date(Date.now() + count * 86_400_000 + 60_000);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "yardmaster-credentials-"));
  said = [];
  writeFileSync(pathOf("tokens"), first, { mode: 0o600 });
  writeOwn();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("what has changed counts when it is read again, and who listens is told once", () => {
  const credentials = open();
  let changes = 0;
  credentials.onChange(() => (changes += 1));
  credentials.reread("SIGHUP");
  expect([changes, said]).toEqual([0, []]);
  writeFileSync(pathOf("tokens"), second);
  writeOwn(certificate(new Date("2048-01-02T03:04:05Z")));
  credentials.reread("SIGHUP");
  expect([credentials.tokens?.has(first), credentials.tokens?.has(second), changes]).toEqual([false, true, 1]);
  expect(credentials.expiresAtMs).toBe(Date.UTC(2048, 0, 2, 3, 4, 5));
  expect(said).toEqual([
    "notice: API: SIGHUP: what is in its files now counts, its certificate is good until 2048-01-02T03:04:05Z",
  ]);
});

test("files that rest after a change are read by themselves, also where another takes a file's place", () => {
  const credentials = open();
  writeFileSync(pathOf("other"), second, { mode: 0o600 });
  renameSync(pathOf("other"), pathOf("tokens"));
  credentials.look();
  expect(credentials.tokens?.has(second), "may still be written").toBe(false);
  credentials.look();
  expect(credentials.tokens?.has(second)).toBe(true);
  credentials.look();
  expect(said).toEqual([
    expect.stringMatching(
      /^notice: API: changed files: what is in its files now counts, its certificate is good until/,
    ),
  ]);
});

test("a bad file leaves what was there, and is said once; a good one is taken then", () => {
  const credentials = open();
  const expected = credentials.tls;
  writeFileSync(pathOf("tokens"), "short");
  for (let look = 0; look < 4; look++) credentials.look();
  writeFileSync(pathOf("tokens"), second);
  writeFileSync(pathOf("own.key"), certificate().key);
  for (let look = 0; look < 4; look++) credentials.look();
  expect([credentials.tokens?.has(first), credentials.tls]).toEqual([true, expected]);
  rmSync(pathOf("own.key"));
  credentials.reread("SIGHUP");
  expect(credentials.tokens?.has(first)).toBe(true);
  writeOwn();
  for (let look = 0; look < 2; look++) credentials.look();
  expect(credentials.tokens?.has(second)).toBe(true);
  expect(said.map((line) => line.replace(/good until .*/, "good until …"))).toMatchInlineSnapshot(`
    [
      "error: API: changed files: not taken, what counted before still does: reading the API's tokens from FOLDER/tokens: line 1 is none (one token a line, of 16 or more letters and digits, as \`openssl rand -hex 32\` makes them)",
      "error: API: changed files: not taken, what counted before still does: taking FOLDER/own.crt and FOLDER/own.key for TLS: error:05800074:x509 certificate routines::key values mismatch (the key must be the certificate's: openssl x509 -pubkey and openssl pkey -pubout say the same then)",
      "error: API: SIGHUP: not taken, what counted before still does: reading FOLDER/own.key: ENOENT: no such file or directory, stat 'FOLDER/own.key'",
      "notice: API: its files can be read again",
      "notice: API: changed files: what is in its files now counts, its certificate is good until …",
    ]
  `);
});

test("the end of a certificate is said two weeks before, and when it has come; not for one that lasts", () => {
  writeOwn(certificate(days(15)));
  const credentials = open();
  credentials.look();
  expect(said).toEqual([]);
  writeOwn(certificate(days(9)));
  credentials.reread("SIGHUP");
  for (let look = 0; look < 3; look++) credentials.look();
  writeOwn(certificate(days(-1)));
  credentials.reread("SIGHUP");
  credentials.look();
  expect(said.map((line) => line.replaceAll(/20\d\d-\S+Z/g, "DATE"))).toMatchInlineSnapshot(`
    [
      "notice: API: SIGHUP: what is in its files now counts, its certificate is good until DATE",
      "warning: API: its certificate is good for 9 days more, until DATE; put a new one into FOLDER/own.crt, it is read by itself",
      "notice: API: SIGHUP: what is in its files now counts, its certificate is good until DATE",
      "error: API: its certificate is over since DATE: clients refuse it; put a new one into FOLDER/own.crt, it is read by itself",
    ]
  `);
});

// Runs one command in a virtual machine on one of Debian's stock kernels, on this machine's own root file system: what
// is installed here is there too, what the command writes is gone afterwards. Emulated in software, so it needs no KVM.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ensureCommands, findCommand } from "../../scripts/system-packages.ts";
import { unpackedPackage, VmUnavailableError } from "./debian-package.ts";
import { type GuestKernel, guestKernel, type KernelVersion, modulesInOrder } from "./guest-kernel.ts";
import { ipvsadmScript } from "./guest-tools.ts";
import { archive, executable, folder } from "./initramfs.ts";

/** What the root file system needs, then what the tests use: virtual links, bridges, VLANs, tc hooks; IPVS follows. */
const MODULES = [
  ...["virtio_pci", "9pnet_virtio", "9p", "overlay"],
  ...["veth", "bridge", "8021q", "tun", "sch_ingress", "cls_bpf", "act_mirred", "cls_flower", "act_skbedit"],
  // IPVS needs it without saying so: by the name of an algorithm.
  "crc32c_generic",
];

/** IPVS and every scheduler that a kernel has for it; what else begins so is for FTP and SIP. */
const IPVS_MODULE = /^ip_vs(_(?!ftp$|pe_)\w+)?$/;

export interface VmOptions {
  /** A shell command line; it starts in the repository's root folder. */
  readonly command: string;
  readonly kernel: KernelVersion;
  /** Hard limit on the whole life of the virtual machine. */
  readonly timeoutMs: number;
  readonly memoryMb?: number;
  readonly cpus?: number;
  /** Environment of the command, besides PATH and HOME. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Called with every piece of output as it comes. */
  readonly onOutput?: (text: string) => void;
}

export interface VmResult {
  /** Both output streams of the command. */
  readonly output: string;
  /** The command's exit status; undefined when it never ended: the time limit, or a kernel that died. */
  readonly status: number | undefined;
  /** Kernel messages (warnings and worse) and, if QEMU failed, its own words. */
  readonly console: string;
  readonly timedOut: boolean;
}

const ROOT = resolve(import.meta.dirname, "../..");
const STATUS_LINE = /^@@status (\d+)\s*$/m;

/** Boots, runs the command, powers off. Throws VmUnavailableError when this machine cannot run one. */
export async function runInVm(options: VmOptions): Promise<VmResult> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new VmUnavailableError(
      `starting a virtual machine: needs Linux on x64, this is ${process.platform} on ${process.arch}`,
    );
  }
  const missing = ensureCommands(["qemu-system-x86_64"]);
  if (missing !== undefined) throw new VmUnavailableError(`starting a virtual machine: ${missing}`);
  const kernel = guestKernel(options.kernel);
  const work = mkdtempSync(join(tmpdir(), "yardmaster-vm-"));
  try {
    writeFileSync(join(work, "initramfs"), initramfs(kernel, options));
    const run = await runQemu(qemuArguments(kernel, work, options), options);
    const messages = readFileSync(join(work, "console"), "utf8");
    const status = STATUS_LINE.exec(messages)?.[1];
    return {
      output: run.output,
      status: status === undefined ? undefined : Number(status),
      console: `${messages}${run.errors}`,
      timedOut: run.timedOut,
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function initramfs(kernel: GuestKernel, options: VmOptions): Buffer {
  const busybox = readFileSync(join(unpackedPackage("busybox-static"), "bin/busybox"));
  const folders = ["bin", "proc", "sys", "dev", "modules", "lower", "upper", "root"];
  const names = [...MODULES, ...[...kernel.moduleFiles.keys()].filter((name) => IPVS_MODULE.test(name))];
  const modules = modulesInOrder(kernel, names).map(({ name, content }, index) =>
    executable(`modules/${String(index).padStart(2, "0")}-${name}.ko`, content),
  );
  return archive([
    ...folders.map(folder),
    executable("bin/busybox", busybox),
    executable("bin/ipvsadm", ipvsadmScript()),
    executable("init", readFileSync(join(import.meta.dirname, "init.sh"))),
    executable("command", commandScript(options)),
    ...modules,
  ]);
}

function commandScript(options: VmOptions): string {
  const environment = {
    PATH: `${join(ROOT, "node_modules/.bin")}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/vm`,
    HOME: "/root",
    TERM: "dumb",
    ...options.environment,
  };
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`);
  return [...exports, `cd ${quote(ROOT)}`, options.command, ""].join("\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function qemuArguments(kernel: GuestKernel, work: string, options: VmOptions): string[] {
  // An old processor, and one thread that emulates all of them: with the newest processor that QEMU 7.2 emulates, or
  // with a thread for each, V8 in the guest now and then dies of a damaged heap.
  // Emulated "rep movs" is slow, hence the cleared processor features: the kernel then copies with plain moves.
  // When this machine is busy, the timer's first ticks come so late that the kernel takes it for broken and panics:
  // hence no_timer_check.
  const kernelCommandLine =
    "console=ttyS0 quiet loglevel=5 panic=-1 mitigations=off nokaslr no_timer_check " +
    "clearcpuid=rep_good,erms,fsrm random.trust_cpu=on";
  return [
    ...["-accel", "tcg,thread=single,tb-size=1024", "-cpu", "Nehalem"],
    ...["-smp", String(options.cpus ?? Math.min(4, availableParallelism())), "-m", String(options.memoryMb ?? 3072)],
    ...["-display", "none", "-monitor", "none", "-nic", "none", "-no-reboot"],
    ...["-serial", `file:${join(work, "console")}`, "-serial", "stdio"],
    ...["-kernel", kernel.image, "-initrd", join(work, "initramfs"), "-append", kernelCommandLine],
    ...["-virtfs", "local,path=/,mount_tag=root,security_model=none,multidevs=remap,readonly=on"],
  ];
}

interface QemuRun {
  readonly output: string;
  readonly errors: string;
  readonly timedOut: boolean;
}

function runQemu(qemu: readonly string[], options: VmOptions): Promise<QemuRun> {
  const command = findCommand("qemu-system-x86_64") ?? "qemu-system-x86_64";
  return new Promise((done, failed) => {
    // setpriv: the kernel ends QEMU when this process dies, whatever it dies of.
    const child = spawn("setpriv", ["--pdeathsig", "KILL", command, ...qemu], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    let timedOut = false;
    const limit = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, options.timeoutMs);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      options.onOutput?.(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.on("error", (error) => {
      clearTimeout(limit);
      failed(new VmUnavailableError(`starting QEMU: ${error.message}`, { cause: error }));
    });
    child.on("close", () => {
      clearTimeout(limit);
      done({ output, errors, timedOut });
    });
  });
}

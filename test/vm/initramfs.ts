// The guest's first file system: an archive in the kernel's "newc" cpio format, made in memory. Format:
// Documentation/driver-api/early-userspace/buffer-format.rst of the Linux sources.

export interface ArchiveEntry {
  readonly path: string;
  /** File type and permission bits as in st_mode. */
  readonly mode: number;
  readonly content: Buffer;
}

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

/** A folder that its owner may enter. */
export function folder(path: string): ArchiveEntry {
  return { path, mode: S_IFDIR | 0o755, content: Buffer.alloc(0) };
}

/** An executable file. */
export function executable(path: string, content: Buffer | string): ArchiveEntry {
  return { path, mode: S_IFREG | 0o755, content: Buffer.from(content) };
}

/** The archive, uncompressed: loading it from memory is quicker than decompressing it on an emulated processor. */
export function archive(entries: readonly ArchiveEntry[]): Buffer {
  const trailer: ArchiveEntry = { path: "TRAILER!!!", mode: 0, content: Buffer.alloc(0) };
  return Buffer.concat([...entries, trailer].flatMap(encodeEntry));
}

/** Header of 13 numbers of 8 hexadecimal digits, name, content; name and content padded to four bytes. */
function encodeEntry(entry: ArchiveEntry, index: number): Buffer[] {
  const name = Buffer.from(`${entry.path}\0`);
  const [uid, gid, links, mtime, device, rawDevice, check] = [0, 0, 1, 0, 0, 0, 0];
  const numbers = [
    ...[index + 1, entry.mode, uid, gid, links, mtime, entry.content.length],
    ...[device, device, rawDevice, rawDevice, name.length, check],
  ];
  const header = `070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`;
  return [padded(Buffer.concat([Buffer.from(header), name])), padded(entry.content)];
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((4 - (content.length % 4)) % 4)]);
}

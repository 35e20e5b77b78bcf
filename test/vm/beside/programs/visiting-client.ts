// Visits servers, one after another, over real sockets: the order in which connections come to the director is the
// order of the job. Started on the client's host; ends with who started it.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { CLOSE, type Visit, type VisitJob } from "../visit.ts";

/** A machine that is busy with other things may need long for one answer. */
const ANSWER_LIMIT_MS = 120_000;
const RESEND_AFTER_MS = 5_000;

/** The connections that are open, each with how many more may be opened before it is closed. */
const open = new Map<Socket, number>();

async function run({ protocol, visits }: VisitJob): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const visit of visits) {
    answers.push(await orCode(protocol === "tcp" ? openConnection(visit) : askOnce(visit)));
    for (const [socket, lifetime] of open) {
      if (lifetime === 0) await close(socket);
      else open.set(socket, lifetime - 1);
    }
  }
  return answers;
}

async function orCode(answer: Promise<string>): Promise<string> {
  try {
    return await answer;
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException;
    return typeof code === "string" ? code : name;
  }
}

async function openConnection({ from, to, lifetime }: Visit): Promise<string> {
  const socket = connect({ host: to.address, port: to.port, localAddress: from.address, localPort: from.port });
  try {
    const [name] = (await once(socket, "data", { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) })) as [Buffer];
    open.set(socket, lifetime);
    return name.toString();
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Closes, and waits for the server's end: by then the director has seen both. */
async function close(socket: Socket): Promise<void> {
  open.delete(socket);
  const closed = once(socket, "close");
  socket.end();
  await closed;
}

/** A datagram, and more of the same flow as long as none is answered. */
async function askOnce({ from, to }: Visit): Promise<string> {
  const socket = createSocket("udp4");
  const ask = (): void => socket.send("?");
  let resend: NodeJS.Timeout | undefined;
  try {
    socket.bind(from.port, from.address);
    await once(socket, "listening");
    socket.connect(to.port, to.address);
    await once(socket, "connect");
    const answer = once(socket, "message", { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    resend = setInterval(ask, RESEND_AFTER_MS);
    ask();
    const [name] = (await answer) as [Buffer];
    return name.toString();
  } finally {
    clearInterval(resend);
    socket.close();
  }
}

async function serve(message: VisitJob | typeof CLOSE): Promise<void> {
  if (message !== CLOSE) {
    process.send?.(await run(message));
    return;
  }
  for (const socket of open.keys()) await close(socket);
  process.send?.(CLOSE);
}

process.on("message", (message: VisitJob | typeof CLOSE) => void serve(message));
process.on("disconnect", () => process.exit(0));
process.stdout.write("ready\n");

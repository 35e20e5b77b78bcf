// One TCP connection that stays open until it is told to end, with real HTTP requests on it.
import { once } from "node:events";
import { Agent } from "node:http";

import type { OpenConnection, Way } from "../mixed/mixer.ts";
import { exchange } from "./http-exchange.ts";

/** For a request, and for the server to close after us. */
const timeoutMs = 10_000;

/** Opens a connection and sends the first request over it. */
export async function openHttpConnection({ localAddress, address, port }: Way): Promise<OpenConnection> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress });
  const send = () => exchange({ agent, address, port, path: "/", timeoutMs });
  try {
    const { answer, own, socket } = await send();
    return {
      server: answer.server,
      ask: async () => {
        try {
          const again = await send();
          // The agent opens another connection where the first is gone.
          if (again.own !== own) throw lost("asking again");
          return again.answer.server;
        } catch (error) {
          agent.destroy();
          throw error;
        }
      },
      end: async () => {
        if (socket.destroyed) throw lost("ending it");
        // Our FIN first; "close" comes when the server's has arrived.
        const closed = once(socket, "close", { signal: AbortSignal.timeout(timeoutMs) });
        socket.end();
        await closed;
        agent.destroy();
      },
    };
  } catch (error) {
    agent.destroy();
    throw error;
  }
}

function lost(doing: string): Error {
  return Object.assign(new Error(`${doing}: the connection was lost`), { code: "lost" });
}

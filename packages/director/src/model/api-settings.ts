// How the API is reached besides by the owner of its Unix socket: where it listens on TCP, and on what conditions.
// Never without a token or client certificates, and in the clear only where nobody can listen in.
import { isIP } from "node:net";

/** The conditions of a listener on TCP; files by their paths. */
export interface TcpSettings {
  /** Tokens that count, one a line. */
  readonly tokenFile?: string | undefined;
  /** PEM: the server's certificate with what vouches for it, and its key. */
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** PEM: who vouches for clients. */
  readonly clientCaFile?: string | undefined;
}

/** Who may ask the API, as the configuration says it. */
export interface ApiSettings extends TcpSettings {
  /** `127.0.0.1:9400`, `[2001:db8::1]:9400`; absent: nobody is heard over TCP. */
  readonly listen?: string | undefined;
  /** A group's name or number: its members may use the Unix socket. */
  readonly group?: string | undefined;
}

/** What keeps a listener from being opened. */
export interface ListenerFault {
  readonly code: "LISTEN" | "OPEN" | "TLS";
  /** The setting that it is about. */
  readonly about: keyof ApiSettings;
  readonly problem: string;
  readonly hint: string;
}

/** An address and a port; undefined where a text is none. */
export function parseEndpoint(text: string): { readonly address: string; readonly port: number } | undefined {
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = six ?? four ?? "";
  const port = Number(digits);
  const isGood = isIP(address) === (six === undefined ? 4 : 6) && port >= 1 && port <= 65_535;
  return isGood ? { address, port } : undefined;
}

/** What is wrong with the settings of a listener; undefined: nothing. */
export function listenerFault(settings: ApiSettings): ListenerFault | undefined {
  const { listen, tokenFile, certificateFile, keyFile, clientCaFile } = settings;
  const files = { tokenFile, certificateFile, keyFile, clientCaFile };
  if (listen === undefined) {
    const [about] = Object.entries(files).flatMap(([name, file]) => (file === undefined ? [] : [name]));
    return about === undefined
      ? undefined
      : {
          ...{ code: "LISTEN", about: about as keyof TcpSettings, problem: "it is not said where it listens" },
          hint: "add listen: 127.0.0.1:9400 (--api)",
        };
  }
  const endpoint = parseEndpoint(listen);
  if (endpoint === undefined) {
    const problem = `"${listen.slice(0, 80)}" is no address and port`;
    return { code: "LISTEN", about: "listen", problem, hint: "write 127.0.0.1:9400 or [::1]:9400" };
  }
  return conditionFault(files, isLoopback(endpoint.address));
}

function conditionFault(settings: TcpSettings, isLocal: boolean): ListenerFault | undefined {
  const { tokenFile, certificateFile, keyFile, clientCaFile } = settings;
  const own = "the server's own certificate and key (certificateFile and keyFile, --api-certificate and --api-key)";
  if (tokenFile === undefined && clientCaFile === undefined) {
    return {
      ...{ code: "OPEN", about: "listen", problem: "it would be open to everybody" },
      hint:
        "name a file of tokens (tokenFile, --api-token-file), " +
        "or who vouches for clients (clientCaFile, --api-client-ca)",
    };
  }
  const hasTls = certificateFile !== undefined && keyFile !== undefined;
  if (!hasTls && (certificateFile ?? keyFile) !== undefined) {
    const about = certificateFile === undefined ? "keyFile" : "certificateFile";
    return { code: "TLS", about, problem: "a certificate and its key go together", hint: `name ${own}` };
  }
  if (clientCaFile !== undefined && !hasTls) {
    return { code: "TLS", about: "clientCaFile", problem: "client certificates need TLS", hint: `name ${own}` };
  }
  if (hasTls || isLocal) return undefined;
  return {
    ...{ code: "OPEN", about: "listen", problem: "the token would go over the network in the clear" },
    hint: `name ${own}, or listen on 127.0.0.1 or [::1]`,
  };
}

function isLoopback(address: string): boolean {
  return address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
}

// DNS checks: one question over UDP. What does not answer it (another id, another question) is not listened to.
import { randomInt } from "node:crypto";
import { dnsCodes, dnsTypes, type Probe } from "../model/check.ts";
import { dnsQuery, type DnsResponse, readDnsResponse } from "./dns-message.ts";
import { type Answer, bad, type Begin, good } from "./exchange.ts";
import { sendDatagram, silenceOf } from "./datagram.ts";

type DnsProbe = Extract<Probe, { readonly kind: "dns" }>;

/** A DNS check. */
export function dns(probe: DnsProbe): Begin {
  const asked = probe.name.replace(/\.$/, "").toLowerCase();
  return (target, done) => {
    const id = randomInt(0x1_0000);
    let garbage = 0;
    const close = sendDatagram(target, dnsQuery(id, probe.name, probe.type), {
      done,
      received: (message) => {
        const response = readDnsResponse(message);
        const isOurs = response?.id === id && isAbout(response, asked, dnsTypes[probe.type]);
        if (response !== undefined && isOurs) done(answerOf(response, probe));
        else garbage += 1;
      },
    });
    const waitingFor = () => (garbage === 0 ? silenceOf(target) : `${garbage} datagrams, none of them an answer`);
    return { close, waitingFor };
  };
}

/** An error may come without the question (RFC 2308 and practice). */
function isAbout({ question, rcode }: DnsResponse, name: string, type: number): boolean {
  return question === undefined ? rcode !== 0 : question.name === name && question.type === type;
}

function answerOf(response: DnsResponse, { rcode, answer, type }: DnsProbe): Answer {
  const said = codeText(response.rcode);
  if (response.rcode !== dnsCodes[rcode]) return bad(said);
  const texts = response.answers.filter((each) => each.type === dnsTypes[type]).map(({ text }) => text);
  const shown = texts.length === 0 ? "no record" : texts.slice(0, 4).join(", ");
  if (answer === undefined) {
    // Without a record a name that is there says nothing of this type; where an error was asked for, it is enough.
    const isEmpty = rcode === "NOERROR" && texts.length === 0 && !response.isTruncated;
    return isEmpty ? bad(`${said}, and ${shown}`) : good(`${said}: ${shown}`);
  }
  const isThere = texts.some((text) => text.toLowerCase() === answer.toLowerCase());
  return isThere ? good(`${said}: ${shown}`) : bad(`${said}: ${shown}, not ${answer}`);
}

function codeText(code: number): string {
  return Object.entries(dnsCodes).find(([, number]) => number === code)?.[0] ?? `RCODE ${code}`;
}

// Random commands of ipvsadm, sensible and not: each is answered, what is refused changes nothing, and the rules that
// are saved in the end make the same services again.
import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryDirector } from "./memory-director.ts";

const marks =
  "director: { marks: [{ mark: 7, address: 10.9.0.0/16 }, { mark: 7, address: fd00:9::/64 }] }\nservices: {}\n";
const service = fc.constantFrom(
  "-t 10.3.0.1:80",
  "-u 10.3.0.1:53",
  "-t [fd00:3::1]:80",
  "-f 7",
  "-f 7 -6",
  "-t 10.3.0.2:0",
);
const optional = (...words: readonly string[]) => fc.constantFrom("", ...words);
const settings = fc
  .tuple(
    optional("-s rr", "-s sh", "-s nonsense"),
    optional("-b sh-port", "-b flag-1,flag-3"),
    optional("-p", "-p 60", "-p 60 -M 255.255.255.0", "-p 60 -M 64"),
    optional("-o"),
  )
  .map((words) => words.join(" "));
const address = fc.constantFrom("10.2.0.1", "10.2.0.2:8080", "[fd00:2::b]:80", "10.3.0.1", "10.2.0.1:0");
const attributes = fc
  .tuple(
    optional("-m", "-g", "-i", "-i --tun-type gre --tun-csum", "-i --tun-type gue --tun-port 6080"),
    optional("-w 0", "-w 7"),
    optional("-x 10 -y 5", "-x 5 -y 10"),
  )
  .map((words) => words.join(" "));
const command = fc.oneof(
  fc.tuple(fc.constantFrom("-A", "-A", "-E"), service, settings).map((words) => words.join(" ")),
  fc
    .tuple(fc.constantFrom("-a", "-a", "-e"), service, address, attributes)
    .map(([a, s, r, w]) => `${a} ${s} -r ${r} ${w}`),
  fc.tuple(service, address).map(([s, r]) => `-d ${s} -r ${r}`),
  service.map((words) => `-D ${words}`),
  fc.constantFrom("-C", "--set 0 10 20", "-Ln", "-Ln --stats", "-L --timeout", "-S", "-Z", "-v", ""),
);

test("commands one after the other", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
      const director = new MemoryDirector(marks);
      for (const line of commands) {
        const before = director.text;
        const { status, errors } = await director.run(line);
        expect(status === 0, `${line}: ${errors}`).toBe(errors === "");
        if (status !== 0) expect(director.text).toBe(before);
      }
      const { output } = await director.run("-S -n");
      const again = new MemoryDirector(marks);
      again.input = output;
      expect(await again.run("-R")).toEqual({ output: "", errors: "", status: 0 });
      expect((await again.run("-S -n")).output).toBe(output);
    }),
    { numRuns: 100 },
  );
});

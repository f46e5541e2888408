// Reads the AsyncAPI document that is named, with AsyncAPI's own parser; says what it found as JSON.
import { readFile } from "node:fs/promises";
import parsers from "@asyncapi/parser";

const { document, diagnostics } = await new parsers.Parser().parse(await readFile(process.argv[2], "utf8"));
const problems = diagnostics.map(({ severity, message, path }) => ({ severity, message, path: path.join(".") }));
const operations = (document?.operations().all() ?? []).map((operation) => ({
  action: operation.action(),
  address: operation.channels().all()[0].address(),
  binding: operation.bindings().get("mqtt")?.value(),
  whose: operation.tags().all()[0]?.name() ?? "kiosk",
  rules: operation.messages().all().flatMap((message) => message.extensions().get("x-cddl")?.value() ?? []),
  contentTypes: operation.messages().all().map((message) => message.contentType()),
}));
process.stdout.write(JSON.stringify({ problems, operations }));

// Prints what AsyncAPI's own parser says of the document on standard input, as JSON.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const found = await new Parser().validate(readFileSync(0, "utf8"));
const severities = ["error", "warning", "information", "hint"];
const told = found.map(({ severity, code, message, path }) => ({
  severity: severities[severity],
  code: String(code),
  message,
  path: path.join("."),
}));
process.stdout.write(JSON.stringify(told));

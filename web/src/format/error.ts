/** What the reader throws, and nothing else: the bytes are not what docs/format.md says. */
export class FormatError extends Error {
  override name = "FormatError";
}

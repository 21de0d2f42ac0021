/** Whether this is the page of one file. */
declare const __SINGLE__: boolean;

/** Not in the checkout: `sscodec export onnx` writes it. */
declare module "*/model/model.json" {
  const facts: import("./sound/network").ModelFacts;
  export default facts;
}

import * as ort from "onnxruntime-web/webgpu";
import { serve } from "./serve";

serve(ort, "webgpu");

"""Networks written out for other programs to run: ONNX. Needs the extra `onnx`."""

#!/bin/sh
# Code a short sound at 6 kbps and back, and say what became of it. Called by `make demo`.
set -eu
mkdir -p demo
original=tests/data/speech.flac
sscodec encode "$original" demo/speech.ssc --kbps 6 --force
sscodec decode demo/speech.ssc demo/speech.wav --force
sscodec info demo/speech.ssc
wav=$(wc -c < demo/speech.wav)
ssc=$(wc -c < demo/speech.ssc)
echo
echo "16-bit WAV $wav bytes, coded $ssc bytes: $((wav / ssc)) times smaller"
echo "listen to the original  $original"
echo "and to the decoded      demo/speech.wav"

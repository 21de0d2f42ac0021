import type { Tensor } from "onnxruntime-web";
import { decodePacket } from "../format/codes";
import type { EntropyModel } from "../format/entropy-model";
import { FormatError } from "../format/error";
import type { Packet } from "../format/parts";
import { lengths, type Stream } from "../format/reader";
import { type Block, blocksOf } from "./blocks";
import type { Network } from "./network";

/** The blocks of one stream into sound, in any order. Lost frames are silence, and decoding begins anew behind them. */
export class StreamDecoder {
  readonly blocks: Block[];
  /** Whether so much is missing that the sound ends before the stream. */
  readonly cut: boolean;
  private readonly codes = new Map<Packet, Int32Array | FormatError>();
  private states: Map<string, Tensor>[] = [];
  /** The block that the states belong before. */
  private next = 0;
  private nQ = 0;

  constructor(
    private readonly stream: Stream,
    private readonly network: Network,
    private readonly entropy: EntropyModel | null,
  ) {
    ({ blocks: this.blocks, cut: this.cut } = blocksOf(stream));
    this.begin(0);
  }

  /**
   * Sound of each channel of block `index` with the first `nQ` codebooks, cut at the stream's end, and what is wrong with
   * its packet. Behind a jump, about a second before the block is decoded first, for the network's memory.
   */
  async decode(index: number, nQ: number): Promise<{ sound: Float32Array[]; damage: string | null }> {
    if (index !== this.next || nQ !== this.nQ) {
      this.nQ = nQ;
      let first = index;
      for (let frames = 0; first > 0 && frames * this.stream.header.hop < this.stream.header.sampleRate; ) {
        frames += this.block(--first).frames;
      }
      this.begin(first);
      while (this.next < index) await this.synthesise(this.next);
    }
    const { hop } = this.stream.header;
    const { sound, damage } = await this.synthesise(index);
    const left = Math.max(0, lengths(this.stream).samples - this.block(index).firstFrame * hop);
    return { sound: sound.map((samples) => samples.subarray(0, left)), damage };
  }

  private begin(index: number): void {
    this.next = index;
    this.states = Array.from({ length: this.stream.header.channels }, () => this.network.begin());
  }

  private block(index: number): Block {
    return this.blocks[index] as Block;
  }

  private async synthesise(index: number): Promise<{ sound: Float32Array[]; damage: string | null }> {
    const { header } = this.stream;
    const block = this.block(index);
    const codes = block.packet && this.codesOf(block.packet);
    if (block.packet === null || !(codes instanceof Int32Array)) {
      this.begin(index + 1);
      const silence = () => new Float32Array(block.frames * header.hop);
      return {
        sound: Array.from({ length: header.channels }, silence),
        damage: codes instanceof FormatError ? codes.message : null,
      };
    }
    const amplitude = 10 ** (header.gain / 20);
    const sound: Float32Array[] = [];
    for (let c = 0; c < header.channels; c++) {
      const input = new BigInt64Array(this.nQ * block.frames);
      for (let k = 0; k < this.nQ; k++) {
        const at = (c * header.nQ + k) * block.packet.frames + block.start;
        for (let t = 0; t < block.frames; t++) input[k * block.frames + t] = BigInt(codes[at + t] as number);
      }
      const samples = await this.network.decode(input, this.nQ, this.states[c] as Map<string, Tensor>);
      sound.push(samples.map((sample) => sample / amplitude));
    }
    this.next = index + 1;
    return { sound, damage: null };
  }

  private codesOf(packet: Packet): Int32Array | FormatError {
    let codes = this.codes.get(packet);
    if (codes === undefined) {
      try {
        codes = decodePacket(packet, this.stream.header, this.entropy);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        codes = error;
      }
      this.codes.set(packet, codes);
    }
    return codes;
  }
}

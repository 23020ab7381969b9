// msgpack as the wire wants it: maps with string keys, shortest integers, floats as float64, binary as Uint8Array.

const MAX_DEPTH = 32;
const MAX_NODES = 16384; // what a message may hold at all
const REF_EXT = 1;

const encodeText = new TextEncoder();
const decodeText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes are not one msgpack value inside the limits. */
export class Malformed extends Error {}

/** A number that must travel as a float64 even if it is whole. */
export class Float64 {
  constructor(value) {
    this.value = value;
  }
}

/** A shared-memory reference (extension 1). A browser maps no memory, so it only passes one on. */
export class Ref {
  constructor(slot, length, sequence) {
    this.slot = slot;
    this.length = length;
    this.sequence = BigInt(sequence);
  }
}

/** Encodes a value: null, boolean, number, BigInt, string, Uint8Array, array, plain object, Float64, Ref. */
export function encode(value) {
  const writer = new Writer();
  writer.put(value, 0);
  return writer.bytes();
}

/** Decodes exactly one value; maps become objects without a prototype, integers past 2^53 become BigInt. */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.take(0);
  if (reader.at !== bytes.length) {
    throw new Malformed("bytes after the value");
  }
  return value;
}

class Writer {
  #buffer = new Uint8Array(256);
  #view = new DataView(this.#buffer.buffer);
  #at = 0;

  bytes() {
    return this.#buffer.subarray(0, this.#at);
  }

  put(value, depth) {
    if (depth > MAX_DEPTH) {
      throw new TypeError("the value is nested too deep");
    }
    if (value === null) this.#byte(0xc0);
    else if (typeof value === "boolean") this.#byte(value ? 0xc3 : 0xc2);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") this.#bigint(value);
    else if (typeof value === "string") this.#text(value);
    else if (value instanceof Float64) this.#float(value.value);
    else if (value instanceof Uint8Array || value instanceof Uint8ClampedArray) this.#binary(value);
    else if (value instanceof Ref) this.#ref(value);
    else if (Array.isArray(value)) this.#array(value, depth);
    else if (typeof value === "object") this.#map(value, depth);
    else throw new TypeError(`a ${typeof value} has no wire form`);
  }

  #room(count) {
    const wanted = this.#at + count;
    if (wanted > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(wanted, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#at));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    const at = this.#at;
    this.#at = wanted;
    return at;
  }

  #byte(value) {
    const at = this.#room(1);
    this.#buffer[at] = value;
  }

  #sized(tag, size, value) {
    const at = this.#room(1 + size);
    this.#buffer[at] = tag;
    if (size === 1) this.#view.setUint8(at + 1, value);
    else if (size === 2) this.#view.setUint16(at + 1, value);
    else this.#view.setUint32(at + 1, value);
  }

  #number(value) {
    if (!Number.isInteger(value) || Object.is(value, -0) || !Number.isSafeInteger(value)) {
      this.#float(value);
    } else if (value >= 0x100000000 || value < -0x80000000) {
      this.#bigint(BigInt(value));
    } else if (value >= 0) {
      if (value < 0x80) this.#byte(value);
      else if (value < 0x100) this.#sized(0xcc, 1, value);
      else if (value < 0x10000) this.#sized(0xcd, 2, value);
      else this.#sized(0xce, 4, value);
    } else if (value >= -0x20) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#sized(0xd0, 1, value);
    else if (value >= -0x8000) this.#sized(0xd1, 2, value);
    else this.#sized(0xd2, 4, value);
  }

  #bigint(value) {
    if (value >= -0x80000000n && value < 0x100000000n) {
      this.#number(Number(value));
      return;
    }
    if (value >= 1n << 64n || value < -(1n << 63n)) {
      throw new TypeError("an integer is outside 64 bits");
    }
    const at = this.#room(9);
    this.#buffer[at] = value < 0n ? 0xd3 : 0xcf;
    this.#view.setBigUint64(at + 1, BigInt.asUintN(64, value));
  }

  #float(value) {
    if (!Number.isFinite(value)) {
      throw new TypeError("a number is NaN or infinite");
    }
    const at = this.#room(9);
    this.#buffer[at] = 0xcb;
    this.#view.setFloat64(at + 1, value);
  }

  #text(value) {
    const bytes = encodeText.encode(value);
    if (bytes.length < 32) this.#byte(0xa0 | bytes.length);
    else if (bytes.length < 0x100) this.#sized(0xd9, 1, bytes.length);
    else if (bytes.length < 0x10000) this.#sized(0xda, 2, bytes.length);
    else this.#sized(0xdb, 4, bytes.length);
    this.#raw(bytes);
  }

  #binary(bytes) {
    if (bytes.length < 0x100) this.#sized(0xc4, 1, bytes.length);
    else if (bytes.length < 0x10000) this.#sized(0xc5, 2, bytes.length);
    else this.#sized(0xc6, 4, bytes.length);
    this.#raw(bytes);
  }

  #raw(bytes) {
    const at = this.#room(bytes.length);
    this.#buffer.set(bytes, at);
  }

  #ref(ref) {
    const at = this.#room(18);
    this.#buffer[at] = 0xd8;
    this.#buffer[at + 1] = REF_EXT;
    this.#view.setUint32(at + 2, ref.slot);
    this.#view.setUint32(at + 6, ref.length);
    this.#view.setBigUint64(at + 10, ref.sequence);
  }

  #array(items, depth) {
    if (items.length < 16) this.#byte(0x90 | items.length);
    else if (items.length < 0x10000) this.#sized(0xdc, 2, items.length);
    else this.#sized(0xdd, 4, items.length);
    for (const item of items) {
      this.put(item, depth + 1);
    }
  }

  #map(map, depth) {
    const keys = Object.keys(map).filter((key) => map[key] !== undefined);
    if (keys.length < 16) this.#byte(0x80 | keys.length);
    else if (keys.length < 0x10000) this.#sized(0xde, 2, keys.length);
    else this.#sized(0xdf, 4, keys.length);
    for (const key of keys) {
      this.#text(key);
      this.put(map[key], depth + 1);
    }
  }
}

class Reader {
  #bytes;
  #view;
  #nodes = 0;
  at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(depth) {
    if (depth > MAX_DEPTH || ++this.#nodes > MAX_NODES) {
      throw new Malformed("nested too deep, or too many values");
    }
    const tag = this.#bytes[this.#skip(1)];
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag < 0x90) return this.#map(tag & 0x0f, depth);
    if (tag < 0xa0) return this.#array(tag & 0x0f, depth);
    if (tag < 0xc0) return this.#text(tag & 0x1f);
    return this.#tagged(tag, depth);
  }

  #tagged(tag, depth) {
    switch (tag) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: case 0xc5: case 0xc6: return this.#binary(this.#unsigned(1 << (tag - 0xc4)));
      case 0xca: return this.#view.getFloat32(this.#skip(4));
      case 0xcb: return this.#view.getFloat64(this.#skip(8));
      case 0xcc: case 0xcd: case 0xce: return this.#unsigned(1 << (tag - 0xcc));
      case 0xcf: return narrow(this.#view.getBigUint64(this.#skip(8)));
      case 0xd0: return this.#view.getInt8(this.#skip(1));
      case 0xd1: return this.#view.getInt16(this.#skip(2));
      case 0xd2: return this.#view.getInt32(this.#skip(4));
      case 0xd3: return narrow(this.#view.getBigInt64(this.#skip(8)));
      case 0xd8: return this.#ref();
      case 0xd9: case 0xda: case 0xdb: return this.#text(this.#unsigned(1 << (tag - 0xd9)));
      case 0xdc: case 0xdd: return this.#array(this.#unsigned(2 << (tag - 0xdc)), depth);
      case 0xde: case 0xdf: return this.#map(this.#unsigned(2 << (tag - 0xde)), depth);
      default: throw new Malformed("a type that the wire does not use");
    }
  }

  #skip(count) {
    const at = this.at;
    if (count > this.#bytes.length - at) {
      throw new Malformed("cut short");
    }
    this.at = at + count;
    return at;
  }

  #unsigned(size) {
    const at = this.#skip(size);
    if (size === 1) return this.#view.getUint8(at);
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #binary(length) {
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  #text(length) {
    try {
      return decodeText.decode(this.#binary(length));
    } catch (error) {
      if (error instanceof Malformed) throw error;
      throw new Malformed("a string is not UTF-8");
    }
  }

  #array(count, depth) {
    if (count > this.#bytes.length - this.at) {
      throw new Malformed("cut short");
    }
    const items = [];
    for (let i = 0; i < count; i++) {
      items.push(this.take(depth + 1));
    }
    return items;
  }

  #map(count, depth) {
    const map = Object.create(null); // a key may be "__proto__"
    for (let i = 0; i < count; i++) {
      const key = this.take(depth + 1);
      if (typeof key !== "string") {
        throw new Malformed("a key is not a string");
      }
      map[key] = this.take(depth + 1);
    }
    return map;
  }

  #ref() {
    const at = this.#skip(17);
    if (this.#bytes[at] !== REF_EXT) {
      throw new Malformed("an extension that the wire does not use");
    }
    return new Ref(this.#view.getUint32(at + 1), this.#view.getUint32(at + 5), this.#view.getBigUint64(at + 9));
  }
}

function narrow(value) {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

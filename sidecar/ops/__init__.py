"""The ops: one module a family, typed arguments in, a map out; `OPS` in `sidecar.wire.ops` says how each answers."""

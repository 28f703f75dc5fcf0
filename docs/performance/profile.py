#!/usr/bin/env python3
"""Where the decoders' time goes: samples of `perf record` by stage of the kernel.

    CARGO_PROFILE_RELEASE_DEBUG=line-tables-only cargo build --release --package isobath
    perf record -F 999 -o perf.data target/release/isobath bench cascade --depth 8 --repeat 1
    python3 docs/performance/profile.py target/release/isobath perf.data

Every sample counts for the innermost inlined function of `tensor` that it fell into. Needs perf, readelf and addr2line.
"""
import collections, re, subprocess, sys

STAGES = {
    "amx/tiles.rs": "tile unit: loads, products, stores",
    "amx/product.rs": "tile unit: loads, products, stores",
    "amx/split.rs": "pieces: f32 to three bfloat16",
    "amx/pack.rs": "pieces: packing, transposing",
    "amx/transpose.rs": "pieces: packing, transposing",
    "amx/turn.rs": "loop over units: epilogue, prefetches, order",
    "cpu/step.rs": "Adam and tanh: arithmetic in vectors",
    "cpu/math.rs": "Adam and tanh: arithmetic in vectors",
    "simd/x86.rs": "Adam and tanh: arithmetic in vectors",
    "cpu/simd.rs": "Adam and tanh: arithmetic in vectors",
}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def addresses(program, data):
    """Samples by address in the program's file, and those in other files."""
    name, base, inside, outside = program.split("/")[-1], None, collections.Counter(), 0
    for line in run("perf", "script", "-i", data, "-F", "ip,sym,dso", "--show-mmap-events").splitlines():
        if "PERF_RECORD_MMAP" in line:
            found = re.search(r"\[0x([0-9a-f]+)\(0x[0-9a-f]+\) @ (0x[0-9a-f]+|0) .*r-xp .*/" + name, line)
            base = int(found[1], 16) - int(found[2], 16) if found else base
        elif found := re.match(r"\s*([0-9a-f]+) .*\((.*)\)", line):
            if found[2].endswith("/" + name):
                inside[int(found[1], 16)] += 1
            else:
                outside += 1
    for line in run("readelf", "-lW", program).splitlines():
        fields = line.split()
        if fields[:1] == ["LOAD"] and "R E" in line:
            base += int(fields[1], 16) - int(fields[2], 16)
    return {address - base: count for address, count in inside.items()}, outside


def places(program, wanted):
    """For each address the files of its frames, innermost first."""
    found, address = collections.defaultdict(list), None
    text = "\n".join(map(hex, wanted))
    for line in run("addr2line", "-a", "-i", "-e", program, input=text).splitlines():
        if line.startswith("0x"):
            address = int(line, 16)
        else:
            found[address].append(line)
    return found


def main():
    program, data = sys.argv[1:]
    samples, outside = addresses(program, data)
    frames, stages = places(program, sorted(samples)), collections.Counter()
    for address, count in samples.items():
        ours = [re.search(r"crates/tensor/src/(\S+):", place) for place in frames[address]]
        file = next((place[1] for place in ours if place), None)
        if file is not None:
            stage = (stage for end, stage in STAGES.items() if file.endswith(end))
            stages[next(stage, "other kernels")] += count
    total = sum(stages.values())
    for stage, count in stages.most_common():
        print(f"{100 * count / total:5.1f}%  {stage}")
    print(f"of {total} samples in kernels; {sum(samples.values()) - total + outside} outside of them")


main()

#!/usr/bin/env python3
"""Time of the decoders: samples of `perf record` by stage of the kernel on vectors.

    CARGO_PROFILE_RELEASE_DEBUG=line-tables-only cargo build --release --package isobath
    perf record -e cpu-clock -F 999 -o perf.data target/release/isobath bench widths --widths 784 --repeat 1 --gflop 100 --threads 1
    python3 docs/performance/profile.py target/release/isobath perf.data

Each sample counts for the first stage of the list that one of its inlined functions belongs to. Needs perf, readelf and
addr2line.
"""
import collections, re, subprocess, sys

# File and function of a frame, innermost first.
STAGES = [
    (r"decoder/cpu/step\.rs", "optimiser"),
    (r"decoder/cpu/train_block\.rs .*residual", "residuals and losses"),
    (r"decoder/cpu/train_block\.rs .*forward", "products of the decoder's forward pass"),
    (r"decoder/cpu/train_block\.rs .*(update|train)", "products of the gradient"),
    (r"gemm/cpu/|cpu/panel\.rs", "the layer's forward pass"),
]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def addresses(program, data):
    """Samples by address in the program file, and the number of samples in other files."""
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
    """The frames of each address as "file function", innermost first."""
    found, address, function = collections.defaultdict(list), None, None
    text = "\n".join(map(hex, wanted))
    for line in run("addr2line", "-a", "-f", "-i", "-C", "-e", program, input=text).splitlines():
        if line.startswith("0x"):
            address, function = int(line, 16), None
        elif function is None:
            function = line
        else:
            found[address].append(f"{line.rsplit(':', 1)[0]} {function}")
            function = None
    return found


def main():
    program, data = sys.argv[1:]
    samples, outside = addresses(program, data)
    frames, stages = places(program, sorted(samples)), collections.Counter()
    for address, count in samples.items():
        matches = (stage for pattern, stage in STAGES if any(re.search(pattern, frame) for frame in frames[address]))
        stages[next(matches, None)] += count
    outside += stages.pop(None, 0)
    total = sum(stages.values())
    for stage, count in stages.most_common():
        print(f"{100 * count / total:5.1f}%  {stage}")
    print(f"of {total} samples in kernels; {outside} outside")


main()

"""How time and memory of a training step grow with tokens, batch and layers, and whether `peftlab estimate` foresees the memory.

usage: bench/growth.py [--only length,batch,layers,memory] [--methods lora,full] [--json FILE] [--plot FILE.png]

The model is SmolLM2-135M-Instruct, cut to fewer layers for `layers`; the methods are those of experiments/roads_*.json; the
examples are random words that share no beginning, so that every token is computed. Each point is two processes: `peftlab bench`
for the median of six steps, and a short run that only loads and trains, for the highest resident memory, which is held against
`peftlab estimate`. `memory` is the second alone, at the smallest and largest of lengths and batches. A straight line is fitted
to the times of each series; "off" is the largest distance of a point from it. PEFTLAB names the program; --plot needs matplotlib.
"""
import argparse, json, os, pathlib, random, struct, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = "smollm2-135m-instruct"
STEPS, WARM = 6, 2
LENGTHS = (64, 128, 256, 512, 1024)
BATCHES = (1, 2, 4, 8, 16)
LAYERS = (6, 12, 18, 24, 30)
CORNERS = [(batch, length) for batch in (1, 16) for length in (64, 1024)]
WORDS = "time year people way day man thing woman life child world school state family student group country problem hand part".split()


def peftlab(*words):
    program = os.environ.get("PEFTLAB", str(ROOT / "peftlab"))
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"peftlab {' '.join(map(str, words))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def cut(model, layers, to):
    """A copy of a model's folder with its first `layers` layers."""
    to.mkdir()
    for file in model.iterdir():
        if file.suffix != ".safetensors" and file.name not in ("config.json", "manifest.json"):
            (to / file.name).write_bytes(file.read_bytes())
    config = json.loads((model / "config.json").read_text())
    (to / "config.json").write_text(json.dumps({**config, "num_hidden_layers": layers}))
    (source,) = model.glob("*.safetensors")
    with open(source, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        kept = {name: at for name, at in header.items() if name != "__metadata__" and
                not (name.startswith("model.layers.") and int(name.split(".")[2]) >= layers)}
        parts, begin = {}, 0
        for name, at in kept.items():
            length = at["data_offsets"][1] - at["data_offsets"][0]
            parts[name] = {**at, "data_offsets": [begin, begin + length]}
            begin += length
        text = json.dumps(parts).encode()
        with open(to / "model.safetensors", "wb") as out:
            out.write(struct.pack("<Q", len(text)) + text)
            for at in kept.values():
                file.seek(8 + size + at["data_offsets"][0])
                out.write(file.read(at["data_offsets"][1] - at["data_offsets"][0]))


def settings(method):
    """The method's part of its experiment, with AdaLoRA's schedule inside the few steps of a run here."""
    part = json.loads((ROOT / "experiments" / f"roads_{method}.json").read_text())["method"]
    return {**part, "tinit": 1, "tfinal": 1, "delta_t": 1} if method == "adalora" else part


def experiment(work, model, method, length, batch, steps):
    """A word is a token; what the template adds is part of the length, and the answer is eight words."""
    rng = random.Random(0)
    data = work / f"data-{length}.jsonl"
    words = lambda n: " ".join(rng.choice(WORDS) for _ in range(n))
    if not data.exists():
        data.write_text("".join(json.dumps({"prompt": f"{i} " + words(max(1, length - 45)), "completion": words(8)}) + "\n"
                                for i in range(16 * (STEPS + WARM + 8))))
    task = work / f"task-{length}.json"
    task.write_text(json.dumps({"about": "random words", "source": {"kind": "jsonl", "file": str(data)},
                                "split": {"seed": 0, "sizes": {"train": 16 * (STEPS + WARM + 6), "test": 4}},
                                "conversation": {"kind": "prompt_completion"}, "answer": {"read": "text", "metric": "exact_match"}}))
    file = work / f"{method}-{model.name}-{length}-{batch}.json"
    file.write_text(json.dumps({"about": "how a step grows", "model": str(model), "task": str(task),
                                "method": settings(method),
                                "train": {"batch_size": batch, "max_steps": steps, "learning_rate": 1e-4, "share_prefix": False},
                                "evaluate": {"base": False, "splits": [], "forgetting": False, "free_prompts": []}}))
    return file


def memory(work, model, method, length, batch, steps=3):
    """The highest resident memory of training, and what was foreseen."""
    file = experiment(work, model, method, length, batch, steps)
    record = json.loads(peftlab("run", file, "--out", work / f"run-{file.stem}", "--json"))
    foreseen = json.loads(peftlab("estimate", file, "--batch-sizes", batch, "--json", "--quiet"))["rows"]
    (row,) = [r for r in foreseen if r["batch_size"] == batch]
    return {"method": method, "batch_size": batch, "length": length, "peak_bytes": record["results"]["peak_memory_bytes"]["training"],
            "estimated_bytes": row["peak_bytes"]}


def measured(work, model, method, length, batch):
    file = experiment(work, model, method, length, batch, 12)
    step = json.loads(peftlab("bench", file, "--steps", STEPS, "--warm-up", WARM, "--answers", 0, "--json", "--quiet"))["rows"][0]
    return {**memory(work, model, method, length, batch, 12), "rows": step["computed_rows_per_step"],
            "seconds": step["step_seconds"]["median"], "fraction_of_limit": step["fraction_of_limit"]["median"]}


def series(work, full, name, method):
    if name == "memory":
        return [memory(work, full, method, length, batch) for batch, length in CORNERS]
    if name == "length":
        return [{"at": n, **measured(work, full, method, n, 4)} for n in LENGTHS]
    if name == "batch":
        return [{"at": b, **measured(work, full, method, 128, b)} for b in BATCHES]
    points = []
    for layers in LAYERS:
        model = full if layers == LAYERS[-1] else work / f"layers-{layers}"
        if not model.exists():
            cut(full, layers, model)
        points.append({"at": layers, **measured(work, model, method, 128, 4)})
    return points


def line(points, x):
    """Least squares: slope, offset, and the largest distance of a point from the line as a share of its value."""
    xs, ys = [p[x] for p in points], [p["seconds"] for p in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((a - mx) * (b - my) for a, b in zip(xs, ys)) / sum((a - mx) ** 2 for a in xs)
    offset = my - slope * mx
    return slope, offset, max(abs(slope * a + offset - b) / b for a, b in zip(xs, ys))


def error(point):
    return 100 * (point["estimated_bytes"] / point["peak_bytes"] - 1)


def show_memory(points):
    print("\n| method | batch | length | peak, MiB | estimate, MiB | error, % |\n|---|---:|---:|---:|---:|---:|")
    for p in points:
        print(f"| {p['method']} | {p['batch_size']} | {p['length']} | {p['peak_bytes'] / 2**20:.0f} | "
              f"{p['estimated_bytes'] / 2**20:.0f} | {error(p):+.1f} |")
    print(f"\nThe largest error: {max(map(error, points), key=abs):+.1f} %")


def show(table):
    for (name, method), points in table.items():
        x = "at" if name == "layers" else "rows"
        slope, offset, off = line(points, x)
        print(f"\n{method}, by {name}: {1e3 * slope:.3f} ms each {'layer' if x == 'at' else 'token'} and {1e3 * offset:.0f} ms; off by up to "
              f"{100 * off:.0f} %\n\n| {name} | tokens | step, ms | of limit, % | peak, MiB | estimate, MiB | error, % |\n|---:|---:|---:|---:|---:|---:|---:|")
        for p in points:
            print(f"| {p['at']} | {p['rows']:.0f} | {1e3 * p['seconds']:.0f} | {100 * p['fraction_of_limit']:.0f} | {p['peak_bytes'] / 2**20:.0f} | "
                  f"{p['estimated_bytes'] / 2**20:.0f} | {error(p):+.1f} |")


def plot(table, file):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    names = list(dict.fromkeys(name for name, _ in table))
    figure, axes = plt.subplots(2, len(names), figsize=(4 * len(names), 6.5), squeeze=False)
    for column, name in enumerate(names):
        x = "at" if name == "layers" else "rows"
        time, memory = axes[0][column], axes[1][column]
        for (which, method), points in table.items():
            if which != name:
                continue
            xs = [p[x] for p in points]
            slope, offset, _ = line(points, x)
            (dots,) = time.plot(xs, [1e3 * p["seconds"] for p in points], "o", label=method)
            time.plot(xs, [1e3 * (slope * v + offset) for v in xs], "-", color=dots.get_color(), linewidth=1)
            memory.plot(xs, [p["peak_bytes"] / 2**20 for p in points], "o", color=dots.get_color(), label=f"{method}, measured")
            memory.plot(xs, [p["estimated_bytes"] / 2**20 for p in points], "-", color=dots.get_color(), linewidth=1, label=f"{method}, estimated")
        for axis, what in ((time, "step, ms"), (memory, "peak, MiB")):
            axis.set_xlabel("layers" if x == "at" else f"tokens a step, by {name}")
            axis.set_ylabel(what)
            axis.set_ylim(bottom=0)
            axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="length,batch,layers")
    parser.add_argument("--methods", default="lora,full", help="names of experiments/roads_NAME.json")
    parser.add_argument("--json", help="also writes every figure to this file")
    parser.add_argument("--plot", help="also draws times and memory")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        peftlab("export", "--hf", MODEL, work / "full")
        table = {}
        for name in args.only.split(","):
            for method in args.methods.split(","):
                table[name, method] = series(work, work / "full", name, method)
                print(f"{method} by {name}: done", file=sys.stderr)
    print(f"{os.uname().machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    timed = {key: points for key, points in table.items() if key[0] != "memory"}
    show(timed)
    if corners := [p for key, points in table.items() if key not in timed for p in points]:
        show_memory(corners)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps([{"series": n, **p} for (n, _), points in table.items() for p in points], indent=1))
    if args.plot:
        plot(timed, args.plot)


if __name__ == "__main__":
    main()

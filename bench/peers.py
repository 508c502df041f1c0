"""Times peftlab beside PEFT with transformers: the same model, task, batch and threads, alternately, and prints the ratios.

usage: scripts/bench_peers.sh [--rounds N] [--only train_bf16,train_batch16,train_METHOD,answers,...] [--json FILE]

What is compared, each in a process of its own that does nothing else:
  train_bf16, train_f32   LoRA of rank 8 on all linear layers, batch 4: useful tokens/s (median of the steps behind the first
                          ones) and the highest resident memory
  train_METHOD            the same in bf16 for qlora, adalora, prompt_tuning, p_tuning, prefix_tuning, full and last_layer
  train_batch16           LoRA in bf16 with batches of 16
  train_unshared          LoRA in bf16 where peftlab computes what the examples begin with for each of them
  train_bf16_adapters     LoRA in bf16 beside a peer whose adapters are bf16 too
  train_compiled          LoRA in bf16 beside a peer with torch.compile and padded batches
  train_batch16_...       the last two with batches of 16
  answers                 600 greedy answers of a tuned model: seconds, loading left out
  answers_ct2             the same beside CTranslate2, at the best of its types and batches, its static prompt included
  start                   seconds from the start of the process to its first optimizer step
  nf4                     million elements/s of NF4 with double quantisation, encoded from float32 and decoded to bfloat16,
                          beside bitsandbytes; PEFTLAB_KERNELS_BENCH names the built kernels_bench
Only ratios within one round mean anything on a machine that others use too; minimum, median and maximum over the rounds are
printed together.
"""
import argparse, json, os, pathlib, resource, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = "smollm2-135m-instruct"
STEPS, WARM = 24, 4
LORA = {"rank": 8, "alpha": 16, "targets": "all-linear"}
METHODS = {  # as train_peft.py sets them
    "lora": LORA, "qlora": LORA,
    "adalora": {"init_rank": 12, "target_rank": 8, "alpha": 16, "targets": "all-linear", "tinit": STEPS // 6,
                "tfinal": STEPS // 3, "delta_t": 5},
    "prompt_tuning": {"num_virtual_tokens": 20},
    "p_tuning": {"num_virtual_tokens": 20, "encoder": "mlp", "encoder_hidden_size": 128},
    "prefix_tuning": {"num_virtual_tokens": 20}, "full": {}, "last_layer": {}}
QUIET = {"/evaluate/base": "false", "/evaluate/splits": "[]", "/evaluate/forgetting": "false", "/evaluate/free_prompts": "[]"}


class Places:
    """What is run, and on what."""
    def __init__(self, work, peers, peer_python):
        self.work, self.peers, self.peer_python = work, peers, peer_python
        self.roads = peers.parent / "data" / "roads" / "taiwan_roads.csv"
        self.model = work / "model"
        self.merged = work / "merged"
        self.program = [os.environ.get("PEFTLAB", str(ROOT / "peftlab"))]

    def peftlab(self, *words):
        """Standard output of the program."""
        done = subprocess.run(self.program + [str(w) for w in words], capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            sys.exit(f"peftlab {' '.join(map(str, words))}: exit {done.returncode}\n{done.stderr[-2000:]}")
        return done.stdout

    def peer(self, script, *words):
        """The last JSON line of a peer."""
        return self.peer_lines(script, *words)[-1]

    def peer_lines(self, script, *words):
        """Every JSON line of a peer."""
        done = subprocess.run([self.peer_python, str(self.peers / script), *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{script}: exit {done.returncode}\n{done.stderr[-2000:]}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def experiment(places, method="lora"):
    """The experiment that both sides run, on the table that the peers read."""
    task = json.loads((ROOT / "experiments/tasks/roads_csv.json").read_text())
    task["source"]["file"] = str(places.roads)
    (places.work / "task.json").write_text(json.dumps(task, ensure_ascii=False))
    file = places.work / f"{method}.json"
    file.write_text(json.dumps({
        "about": "a method as the peers run it", "model": MODEL, "task": str(places.work / "task.json"),
        "method": {"name": method, **METHODS[method]},
        "train": {"batch_size": 4, "max_steps": STEPS, "learning_rate": 1e-3, "schedule": "linear", "warmup_ratio": 0.1,
                  "clip_norm": 1.0},
        "evaluate": {"max_new_tokens": 72, "batch_size": 256}}, ensure_ascii=False))
    return file


def run(places, out, values, method="lora"):
    """One peftlab run; its record and the seconds it took."""
    words = [w for key, value in values.items() for w in ("--set", f"{key}={value}")]
    began = time.perf_counter()
    record = places.peftlab("run", experiment(places, method), "--out", out, "--json", *words)
    return json.loads(record), time.perf_counter() - began


def steps_of(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "useful_tokens_per_second" in line][WARM:]


def train(places, dtype, name, method="lora", batch=4, values=None, peer_words=()):
    ours = places.work / name
    record, _ = run(places, ours, {**QUIET, "/model/dtype": dtype, "/train/log_every_steps": 1, "/train/batch_size": batch,
                                   **(values or {})}, method)
    theirs = places.peer("train_peft.py", places.model, places.roads, "--method", method, "--dtype", dtype, "--steps",
                         STEPS // 2, "--warm", WARM, "--batch", batch, *peer_words)
    return [("useful training tokens/s", statistics.median(s["useful_tokens_per_second"] for s in steps_of(ours)),
             theirs["tokens_per_s"]["median"], True),
            ("peak memory, MiB", record["results"]["peak_memory_bytes"]["training"] / 2**20, theirs["train_peak_rss_mib"], False)]


def answers(places, name):
    record, _ = run(places, places.work / name, {
        **QUIET, "/evaluate/splits": '["test"]', "/train/max_steps": 1, "/train/learning_rate": 1e-9,
        "/train/schedule": "constant", "/adapter": str(places.work / "tuned" / "adapter")})
    test = record["results"]["tuned"]["test"]
    theirs = places.peer("eval_hf.py", places.merged, places.roads, "--dtype", "bf16", "--batches", "100")
    shared = places.peer("eval_hf.py", places.merged, places.roads, "--dtype", "bf16", "--batches", "100", "--share-prefix")
    return [("600 answers, s", test["seconds"], theirs["total_s"], False),
            ("600 answers, s (peer shares the beginning)", test["seconds"], shared["total_s"], False)]


def answers_ct2(places, name):
    record, _ = run(places, places.work / name, {
        **QUIET, "/evaluate/splits": '["test"]', "/train/max_steps": 1, "/train/learning_rate": 1e-9,
        "/train/schedule": "constant", "/adapter": str(places.work / "tuned" / "adapter")})
    lines = places.peer_lines("eval_ct2.py", places.merged, places.roads, "--types", "float32,int8_float32", "--batches", "32,64")
    best = min(line["total_s"] for line in lines if "total_s" in line)
    return [("600 answers, s (CTranslate2 at its best)", record["results"]["tuned"]["test"]["seconds"], best, False)]


def nf4(places, _):
    program = os.environ.get("PEFTLAB_KERNELS_BENCH", "")
    if not program:
        print("nf4: left out: PEFTLAB_KERNELS_BENCH does not name a built kernels_bench", file=sys.stderr)
        return []
    done = subprocess.run([program, "--benchmark_filter=^four_bit_(encode/f32|decode/fast_bf16)/", "--benchmark_format=json"],
                          capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "2"})
    ours = {line["run_name"].split("/real")[0]: line["elements"] / 1e6 for line in json.loads(done.stdout)["benchmarks"]
            if line.get("aggregate_name") == "median"}
    lines = {line["dtype"]: line for line in places.peer_lines("nf4_bnb.py") if line["what"] == "codec" and line["double_quant"]}
    return [("NF4 encoded, million elements/s", ours["four_bit_encode/f32"], lines["float32"]["quantize_melem_s"]["median"], True),
            ("NF4 decoded, million elements/s", ours["four_bit_decode/fast_bf16"], lines["bfloat16"]["dequantize_melem_s"]["median"], True)]


def first_step(places, out):
    """Seconds from the start of the process until it has written down its first optimizer step."""
    words = [w for key, value in {**QUIET, "/train/max_steps": 1, "/train/log_every_steps": 1}.items()
             for w in ("--set", f"{key}={value}")]
    log, began = out / "metrics.jsonl", time.perf_counter()
    process = subprocess.Popen(places.program + ["run", str(experiment(places)), "--out", str(out), "--quiet", *words],
                               stdout=subprocess.DEVNULL, cwd=ROOT)
    while not (log.is_file() and log.stat().st_size) and process.poll() is None:
        time.sleep(0.002)
    seconds = time.perf_counter() - began
    if process.wait():
        sys.exit(f"peftlab: exit {process.returncode}")
    return seconds


def start(places, name):
    theirs = places.peer("startup.py", places.model, places.roads, "--dtype", "bf16", "--repeat", 1)
    return [("start to first step, s", first_step(places, places.work / name),
             theirs["seconds_since_start"]["first_step"]["median"], False)]


def measured(places, rounds, only):
    """Ratios by name, peftlab's gain over the peer: more tokens, less memory, less time."""
    table = {}
    kinds = {"train_bf16": lambda n: train(places, "bf16", n), "train_f32": lambda n: train(places, "f32", n),
             "train_batch16": lambda n: train(places, "bf16", n, batch=16),
             "train_unshared": lambda n: train(places, "bf16", n, values={"/train/share_prefix": "false"}),
             "train_bf16_adapters": lambda n: train(places, "bf16", n, peer_words=("--adapter-dtype", "same")),
             "train_batch16_bf16_adapters": lambda n: train(places, "bf16", n, batch=16, peer_words=("--adapter-dtype", "same")),
             "train_compiled": lambda n: train(places, "bf16", n, peer_words=("--compile", "--pad-to", 192)),
             "train_batch16_compiled": lambda n: train(places, "bf16", n, batch=16, peer_words=("--compile", "--pad-to", 192)),
             "answers": lambda n: answers(places, n), "answers_ct2": lambda n: answers_ct2(places, n),
             "start": lambda n: start(places, n), "nf4": lambda n: nf4(places, n),
             **{f"train_{m}": lambda n, m=m: train(places, "bf16", n, m) for m in METHODS if m != "lora"}}
    for number in range(rounds):
        for kind, measure in kinds.items():
            if only and kind not in only:
                continue
            for what, ours, theirs, more_is_better in measure(f"{kind}-{number}"):
                row = table.setdefault((kind, what), [])
                row.append((ours, theirs, ours / theirs if more_is_better else theirs / ours))
                print(f"round {number + 1}: {kind}: {what}: {ours:.4g} beside {theirs:.4g}, {row[-1][2]:.2f} times",
                      file=sys.stderr)
    return table


def show(table):
    print("| | what | peftlab | PEFT | gain: min / median / max |\n|---|---|---|---|---|")
    for (kind, what), row in table.items():
        gains = sorted(r[2] for r in row)
        print(f"| {kind} | {what} | {statistics.median(r[0] for r in row):.4g} | {statistics.median(r[1] for r in row):.4g} | "
              f"{gains[0]:.2f} / {statistics.median(gains):.2f} / {gains[-1]:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", help="also writes every figure to this file")
    parser.add_argument("--peers", type=pathlib.Path, default=ROOT.parent / "shared" / "peers")
    args = parser.parse_args()
    peer_python = os.environ.get("PEFTLAB_PEER_PYTHON", "")
    if not peer_python or not args.peers.is_dir():
        sys.exit("bench_peers: nothing to compare with: set PEFTLAB_PEER_PYTHON to a Python that has peft and transformers, "
                 f"and --peers to the folder of the peers' scripts (got '{peer_python}' and {args.peers})")
    with tempfile.TemporaryDirectory() as work:
        places = Places(pathlib.Path(work), args.peers.resolve(), peer_python)
        places.peftlab("export", "--hf", MODEL, places.model)
        if not args.only or "answers" in args.only:
            run(places, places.work / "tuned", {**QUIET, "/train/max_steps": 50})
            places.peftlab("merge", places.work / "tuned", places.merged)
        table = measured(places, args.rounds, [k for k in args.only.split(",") if k])
    load = os.getloadavg()[0]
    print(f"{os.uname().machine}, {os.cpu_count()} cores, load {load:.1f}; rounds: {args.rounds}")
    show(table)
    if args.json:
        lines = [{"kind": k, "what": w, "peftlab": r[0], "peer": r[1], "gain": r[2]} for (k, w), row in table.items() for r in row]
        pathlib.Path(args.json).write_text(json.dumps(lines, indent=1))


if __name__ == "__main__":
    main()

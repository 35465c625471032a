#!/usr/bin/env python3
"""What load generators cost: client CPU time per request, against one server, in alternating rounds.

    cargo build --release && scripts/compare-clients.py -- gcannon=/path/to/gcannon wrk oha=/path/to/oha

The requests are counted by the server (its --debug-counters), so that no client is believed about itself; the CPU
time is what the kernel charged to the client's process. Server on one CPU, client on another. A tool that is not
there is named and left out. Of the ratios, loadgen's cost divided by the other's, pair by pair, the median and a
bootstrap interval of 95 % are shown.
"""

import argparse
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Connections and pipeline depth.
LEVELS = [(64, 1), (512, 1), (4096, 1), (512, 16)]
# How each tool is asked for a closed loop of `c` connections on one thread; None where it cannot.
COMMANDS = {
    "loadgen": lambda tool, url, c, p, d: [tool, url, "-c", c, "-t", "1", "-d", f"{d}s", "-p", p],
    "gcannon": lambda tool, url, c, p, d: [tool, url, "-c", c, "-t", "1", "-d", f"{d}s", "-p", p],
    "wrk": lambda tool, url, c, p, d: [tool, "-t", "1", "-c", c, "-d", f"{d}s", url] if p == "1" else None,
    "oha": lambda tool, url, c, p, d: (
        [tool, "--no-tui", "-c", c, "-z", f"{d}s", url] if p == "1" else None
    ),
}


def main():
    args = arguments()
    tools = {"loadgen": str(args.build / "loadgen")}
    for text in args.tools:
        name, _, path = text.partition("=")
        kind = name.split("@")[0]
        if kind not in COMMANDS:
            sys.exit(f"{name}: known tools are {', '.join(COMMANDS)}; two of a kind are told apart like loadgen@old=PATH")
        found = shutil.which(path or name)
        if found:
            tools[name] = found
        else:
            print(f"skipped: {name}: {path or name} is not here")
    server = Server(args)
    try:
        for connections, depth in args.levels:
            level(server, tools, connections, depth, args)
    finally:
        server.stop()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tools", nargs="*", metavar="NAME[=PATH]", help="gcannon, wrk, oha, loadgen@old=PATH")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--duration", type=int, default=3, help="seconds of each run (default 3)")
    parser.add_argument("--path", default="/pipeline", help="what is asked for (default /pipeline)")
    parser.add_argument("--levels", type=levels, default=LEVELS, help="CONNECTIONSxDEPTH,... (default 64x1,512x1,4096x1,512x16)")
    parser.add_argument("--server-cpu", default="0")
    parser.add_argument("--client-cpu", default="1")
    parser.add_argument("--build", type=Path, default=ROOT / "target/release", help="where sws and loadgen are")
    return parser.parse_args()


def levels(text):
    return [tuple(int(part) for part in level.split("x")) for level in text.split(",")]


class Server:
    def __init__(self, args):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        command = ["taskset", "-c", args.server_cpu, str(args.build / "sws"), "--debug-counters", "--port", str(self.port)]
        command += ["--host", "127.0.0.1", "--reactors", "1"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.requests()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"the server did not start: {' '.join(command)}")

    def requests(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/debug/counters", timeout=10) as answer:
            return total(json.load(answer), "requests")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def total(value, key):
    """The sum of all numbers under this key."""
    if isinstance(value, dict):
        own = value.get(key)
        rest = sum(total(part, key) for name, part in value.items() if name != key)
        return rest + (own if isinstance(own, int) else 0)
    return sum(total(part, key) for part in value) if isinstance(value, list) else 0


def level(server, tools, connections, depth, args):
    url = f"http://127.0.0.1:{server.port}{args.path}"
    commands = {}
    for name, tool in tools.items():
        command = COMMANDS[name.split("@")[0]](tool, url, str(connections), str(depth), args.duration)
        if command:
            commands[name] = ["taskset", "-c", args.client_cpu, *command]
    costs = {name: [] for name in commands}
    rates = {name: [] for name in commands}
    order = list(commands)
    for _ in range(args.rounds):
        for name in order:
            cost, rate = run(server, commands[name])
            costs[name].append(cost)
            rates[name].append(rate)
        order.reverse()
    print(f"\n{connections} connections, {depth} in flight each: client CPU us per request, {args.rounds} rounds")
    for name, values in costs.items():
        print(
            f"  {name:12} {statistics.median(values):7.3f}  [{min(values):.3f} .. {max(values):.3f}]"
            f"  {statistics.median(rates[name]):>10,.0f} requests/s"
        )
    for name in list(costs)[1:]:
        ratios = [own / other for own, other in zip(costs["loadgen"], costs[name])]
        low, high = interval(ratios)
        rate = statistics.median(rates["loadgen"]) / statistics.median(rates[name])
        print(f"  loadgen/{name}: cost {statistics.median(ratios):.3f}x  [{low:.3f} .. {high:.3f}], rate {rate:.2f}x")
    sys.stdout.flush()


def run(server, command):
    """CPU time per request in us, and requests per second."""
    before = server.requests()
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    requests = server.requests() - before - 1
    if requests < 1:
        sys.exit(f"no request came from: {' '.join(command)} (exit status {process.returncode})")
    return (usage.ru_utime + usage.ru_stime) * 1e6 / requests, requests / took


def interval(ratios):
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(5000))
    return medians[int(0.025 * len(medians))], medians[int(0.975 * len(medians)) - 1]


if __name__ == "__main__":
    main()

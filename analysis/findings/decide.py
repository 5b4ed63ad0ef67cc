"""Stub."""

import math
from pathlib import Path
from ablations import store

PRIMARY_METRICS = ("auc", "final_return")


def least_seeds(V, a, alpha):
    return math.ceil(1 + math.log2(V / (a * alpha)) - 1e-9)


def without_scale(metric, threshold, bounds):
    return None if threshold is not None else "no threshold"


def recompute(folder):
    return []


def newly_decided(before, after):
    return [f"{l['env_id']} look {l['look']}" for l in after["looks"][len(before["looks"]) :]]


def decide(folder: Path):
    d = store.read_decisions(folder)
    study = store.read_study(folder)
    looks = list(d["looks"])
    ns = d["plan"]["looks"]
    for env in d["plan"]["environments"]:
        e = env["env_id"]
        judged = [l for l in looks if l["env_id"] == e]
        k = len(judged)
        if k == len(ns):
            continue
        prev = {r["label"]: r for r in judged[-1]["rows"]} if judged else {}
        rows = [r for r in d["plan"]["rows"] if r["against"]]
        und = [r for r in rows if prev.get(r["label"], {"verdict": "undecided"})["verdict"] == "undecided"]
        if not und:
            continue
        need = {(l, s) for r in und for l in (r["label"], r["against"]) for s in range(ns[k])}
        runs = {(r["label"], r["seed"]): r for r in study["runs"] if r["env_id"] == e}
        if not all(
            n in runs and store.inspect(folder / runs[n]["path"]).state in ("ok", "diverged", "failed")
            for n in need
        ):
            continue
        out = []
        for i, r in enumerate(rows):
            if r in und:
                out.append(
                    {"label": r["label"], "look": k + 1, "verdict": "worse" if i == k else "undecided"}
                )
            else:
                out.append(prev[r["label"]])
        looks.append({"env_id": e, "look": k + 1, "rows": out})
    return {**d, "looks": looks}
